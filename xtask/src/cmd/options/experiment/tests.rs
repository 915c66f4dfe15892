//! Tests of the experiment's options.

use super::*;
use crate::qemu::TcgThread;

const HOST: Manner = Manner { timing: Timing::Host, boots: Repeat::One };

fn experiment() -> ExperimentArgs {
    ExperimentArgs {
        experiment: "classic".into(),
        runs: None,
        exchanges: None,
        warm_up: None,
        samples: None,
        pair: None,
        ways: None,
        budget: None,
        tasks: None,
        policy: None,
    }
}

#[test]
fn words_are_what_the_kernel_parses() {
    assert_eq!(experiment().words(12, HOST), "experiment=classic runs=5 exchanges=1000000 pair=0,1");
    assert_eq!(experiment().words(1, HOST), "experiment=classic runs=5 exchanges=1000000");
    let named = ExperimentArgs { pair: Some((2, 1)), ..experiment() };
    assert_eq!(named.words(3, HOST), "experiment=classic runs=5 exchanges=1000000 pair=2,1");
    let named = ExperimentArgs { policy: Policies::parse("stealing,lifo"), ..experiment() };
    assert_eq!(named.words(1, HOST), "experiment=classic runs=5 exchanges=1000000 policy=lifo,stealing");
    let named = ExperimentArgs { warm_up: Some(0), samples: Some(50), ..experiment() };
    assert_eq!(named.words(1, HOST), "experiment=classic runs=5 exchanges=1000000 warmup=0 samples=50");
    for cpus in [1, 2, 64] {
        assert!(experiment().check(cpus, HOST).is_ok());
    }
}

#[test]
fn counted_instructions_are_asked_for_and_are_few() {
    let counted = Manner { timing: Timing::Instructions, boots: Repeat::One };
    assert_eq!(
        experiment().words(12, counted),
        "experiment=classic runs=1 exchanges=10000 pair=0,1 unit=instructions"
    );
    let named = ExperimentArgs { runs: Some(2), exchanges: Some(1_000_000), ..experiment() };
    assert_eq!(named.size(counted), Size { runs: 2, exchanges: 1_000_000 });
    assert!(experiment().check(12, counted).is_ok());
}

#[test]
fn boots_are_short_where_there_are_many() {
    let many = Manner { timing: Timing::Host, boots: Repeat::Many };
    assert_eq!(experiment().size(many), Size { runs: 3, exchanges: 100_000 });
    assert!(
        experiment().deadline(Accelerator::Kvm, 12, many) < experiment().deadline(Accelerator::Kvm, 12, HOST)
    );
}

fn named(experiment_name: &str) -> ExperimentArgs {
    ExperimentArgs { experiment: experiment_name.into(), ..experiment() }
}

#[test]
fn experiments_with_many_points_have_sizes_of_their_own() {
    assert_eq!(named("matrix").words(12, HOST), "experiment=matrix runs=5 exchanges=10000 warmup=1000");
    let counted = Manner { timing: Timing::Instructions, boots: Repeat::One };
    let scale = ExperimentArgs { tasks: Some(64), ..named("scale") };
    assert_eq!(
        scale.words(12, counted),
        "experiment=scale runs=1 exchanges=10000 warmup=1000 tasks=64 unit=instructions"
    );
    let ways = ExperimentArgs { ways: Ways::parse("spin,halt"), warm_up: Some(0), ..named("wait") };
    assert!(ways.words(2, HOST).ends_with("warmup=0 ways=halt,spin"), "{}", ways.words(2, HOST));
}

#[test]
fn option_that_an_experiment_does_not_take_is_refused_by_name() {
    let ways = || Ways::parse("spin");
    let wrong = [
        (ExperimentArgs { samples: Some(0), ..named("ring") }, "--samples with --experiment ring"),
        (ExperimentArgs { ways: ways(), ..named("ring") }, "--ways with --experiment ring"),
        (ExperimentArgs { ways: ways(), ..experiment() }, "--ways with --experiment classic"),
        (ExperimentArgs { budget: Some(1), ..experiment() }, "--budget with --experiment classic"),
        (ExperimentArgs { tasks: Some(2), ..named("matrix") }, "--tasks with --experiment matrix"),
        (ExperimentArgs { pair: Some((0, 1)), ..named("scale") }, "--pair with --experiment scale"),
    ];
    for (args, told) in wrong {
        let error = args.check_taken().unwrap_err();
        assert_eq!(crate::status::status_of(&error), crate::status::Status::Usage);
        assert!(error.to_string().starts_with(told), "{error}");
    }
    for args in [
        ExperimentArgs { ways: ways(), budget: Some(1), pair: Some((0, 1)), ..named("wait") },
        ExperimentArgs { tasks: Some(2), ..named("scale") },
        ExperimentArgs { samples: Some(1), pair: Some((0, 1)), ..experiment() },
    ] {
        assert!(args.check_taken().is_ok(), "{}", args.experiment);
    }
}

/// Which experiments the pair means something to. In ring and fan its first times, or sends, and its second comes next.
#[test]
fn pair_is_taken_where_it_says_who_is_measured_and_refused_elsewhere() {
    for name in EXPERIMENTS {
        let taken = ExperimentArgs { pair: Some((3, 1)), ..named(name) }.check_taken();
        match name {
            "classic" | "wait" | "matrix" | "ring" | "fan" | "hierarchy" => assert!(taken.is_ok(), "{name}"),
            _ => {
                let told = taken.unwrap_err().to_string();
                assert!(told.starts_with(&format!("--pair with --experiment {name}: it does not")), "{told}");
                assert!(
                    told.ends_with("classic, wait, matrix, ring, fan, hierarchy do; leave it out"),
                    "{told}"
                );
            }
        }
    }
}

#[test]
fn ways_are_a_list_of_names() {
    assert_eq!(ways("spin,halt").map(|ways| ways.to_string()).as_deref(), Ok("halt,spin"));
    for text in ["", "sleep", "halt,halt", "halt,"] {
        let why = ways(text).unwrap_err();
        assert!(why.ends_with("of halt, spin, spin-pause, spin-halt, mwait"), "{why}");
    }
}

#[test]
fn pair_that_cannot_be_is_refused() {
    for (pair, cpus) in [((0, 0), 12), ((0, 12), 12), ((12, 0), 12), ((0, 1), 1)] {
        let error = ExperimentArgs { pair: Some(pair), ..experiment() }.check(cpus, HOST).unwrap_err();
        assert_eq!(crate::status::status_of(&error), crate::status::Status::Usage);
        assert!(error.to_string().contains("pair"), "{error}");
    }
}

#[test]
fn deadline_grows_with_the_work() {
    let single = Accelerator::Tcg(TcgThread::Single);
    assert_eq!(experiment().deadline(single, 12, HOST), Duration::from_secs(360));
    assert!(
        experiment().deadline(Accelerator::Tcg(TcgThread::Multi), 12, HOST)
            > experiment().deadline(single, 12, HOST)
    );
}
