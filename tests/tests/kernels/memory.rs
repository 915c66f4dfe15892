//! The heap, what tasks take of the memory, and machines of other sizes.

use libtest_mimic::Trial;
use switchlab_tests::{Case, Parts, Verdict, equal, trial};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    let mut trials = vec![trial(parts, "memory::heap_hands_out_and_takes_back", |parts| {
        Case::new(parts, "heap").boot().passes()
    })];
    trials.push(trial(parts, "memory::task_takes_at_most_4403_bytes_and_65536_of_them_300_mib", many_tasks));
    trials.push(trial(parts, "memory::page_is_twice_the_stack_that_a_small_task_uses", |parts| {
        let end = Case::new(parts, "small_stack").boot();
        end.passes()?;
        let used = end.count("used_bytes")?;
        end.is(used <= 2048, format_args!("at most 2,048 bytes of the stack used, of 4,096; {used} were"))
    }));
    for size in ["64M", "5G"] {
        trials.push(trial(parts, format!("memory::{size}_is_enough"), move |parts| {
            Case::new(parts, "cpus_up").with(|spec| spec.memory = size.into()).boot().passes()
        }));
    }
    trials
}

/// 4.3 KiB.
const BYTES_OF_A_TASK: u64 = 4_403;

fn many_tasks(parts: &Parts) -> Verdict {
    // Little more than they take.
    let end = Case::new(parts, "many_tasks").with(|spec| spec.memory = "320M".into()).boot();
    end.passes()?;
    let (tasks, bytes) = (end.count("tasks")?, end.count("bytes")?);
    equal("tasks", tasks, 65_536)?;
    end.is(
        bytes <= tasks * BYTES_OF_A_TASK,
        format_args!("{BYTES_OF_A_TASK} bytes a task; {bytes} for all"),
    )?;
    end.is(bytes <= 300 << 20, format_args!("300 MiB for all; {bytes}"))?;
    equal("frames for as many tasks again", end.count("frames_of_the_second_time")?, 0)?;
    equal("turns, each the next", end.count("turns")?, 2 * 2 * tasks)
}
