//! Facts about loops, by machine code.

use super::*;

const START: u64 = 0x1000;

/// The places (from the start) of the instructions of a function's loops, by its bytes; behind it
/// stand a function that returns and one that does not.
fn loops(bytes: &[u8]) -> Vec<u64> {
    with_graph(bytes, |graph| graph.in_loops())
}

fn with_graph(bytes: &[u8], wanted: impl Fn(&Graph<'_>) -> Vec<usize>) -> Vec<u64> {
    // At 0x1100 `ret`, at 0x1110 `hlt; jmp` to it.
    let mut all = bytes.to_vec();
    all.resize(0x100, 0xcc);
    all.push(0xc3);
    all.resize(0x110, 0xcc);
    all.extend([0xf4, 0xeb, 0xfd]);
    let sizes = [(START, bytes.len() as u64), (0x1100, 1), (0x1110, 3)];
    let code = Code::of_bytes(START, &all, &sizes);
    let instructions = code.instructions(code.at(START).unwrap());
    let graph = Graph::new(&code, &instructions);
    wanted(&graph).into_iter().map(|at| instructions[at].address() - START).collect()
}

#[test]
fn what_runs_again_is_the_loop_and_nothing_else() {
    // 0: push rbp; 1: inc eax; 3: cmp eax, ecx; 5: jne 1; 7: pop rbp; 8: ret
    let bytes = [0x55, 0xff, 0xc0, 0x39, 0xc8, 0x75, 0xfa, 0x5d, 0xc3];
    assert_eq!(loops(&bytes), [1, 3, 5]);
    assert_eq!(with_graph(&bytes, |graph| graph.until_return()), [0, 1, 3, 5, 7, 8]);
}

#[test]
fn call_that_never_comes_back_does_not_join_what_stands_behind_it() {
    // 0: test eax, eax; 2: je 9; 4: call 0x1110; 9: inc eax; 11: jmp 0
    let call = |target: u64, at: u64| {
        let distance = (target - (START + at + 5)) as u32;
        [&[0xe8][..], &distance.to_le_bytes()].concat()
    };
    let with = |target| [&[0x85, 0xc0, 0x74, 0x05][..], &call(target, 4), &[0xff, 0xc0, 0xeb, 0xf3]].concat();
    assert_eq!(loops(&with(0x1110)), [0, 2, 9, 11], "the call is where it ends");
    assert_eq!(loops(&with(0x1100)), [0, 2, 4, 9, 11], "this one returns");
}

#[test]
fn switch_goes_on_behind_itself_and_padding_is_left_out() {
    // 0: jmp [rsi+8]; 3: nop; 4: inc eax; 6: jmp 0
    assert_eq!(loops(&[0xff, 0x66, 0x08, 0x90, 0xff, 0xc0, 0xeb, 0xf8]), [0, 4, 6]);
}

#[test]
fn block_is_what_stands_between_a_call_of_its_begin_and_one_of_its_end() {
    let call = |target: u64, at: u64| {
        let distance = (target.wrapping_sub(START + at + 5)) as u32;
        [&[0xe8][..], &distance.to_le_bytes()].concat()
    };
    let (begin, end) = (0x1100, 0x1110);
    let between = |bytes: &[u8]| {
        let mut all = bytes.to_vec();
        all.resize(0x100, 0xcc);
        all.push(0xc3);
        all.resize(0x110, 0xcc);
        all.push(0xc3);
        let code = Code::of_bytes(START, &all, &[(START, bytes.len() as u64), (begin, 1), (end, 1)]);
        let instructions = code.instructions(code.at(START).unwrap());
        let found = Graph::new(&code, &instructions).between(&[begin], &[end]);
        found.into_iter().map(|at| instructions[at].address() - START).collect::<Vec<_>>()
    };
    // 0: inc eax; 2: call begin; 7: inc ecx; 9: test eax, eax; 11: jne 7; 13: call end; 18: inc edx; 20: jmp 0
    let looped = [
        &[0xff, 0xc0][..],
        &call(begin, 2),
        &[0xff, 0xc1, 0x85, 0xc0, 0x75, 0xfa],
        &call(end, 13),
        &[0xff, 0xc2, 0xeb, 0xea],
    ];
    assert_eq!(between(&looped.concat()), [7, 9, 11], "not what stands between an end and the next begin");
    // 0: call end; 5: inc edx; 7: call begin; 12: ret: none has both.
    assert!(between(&[&call(end, 0)[..], &[0xff, 0xc2], &call(begin, 7), &[0xc3]].concat()).is_empty());
}
