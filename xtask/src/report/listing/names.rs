//! A function's name as people say it, from what the compiler calls it.

/// The name without type arguments: `<a::B<C>>::d::<E>` is `a::B::d`, `<a::B as c::D>::e` is
/// `a::B::e`.
pub(super) fn without_arguments(name: &str) -> String {
    // A type in front of everything stands in angle brackets, and is no argument.
    let (front, rest) = match name.strip_prefix('<').and_then(|inner| Some((inner, closing(inner)?))) {
        Some((inner, end)) => (inner[..end].split(" as ").next().unwrap_or_default(), &inner[end + 1..]),
        None => ("", name),
    };
    let mut plain = String::new();
    if !front.is_empty() {
        plain = without_arguments(front);
    }
    let mut depth = 0u32;
    let mut before = ' ';
    for character in rest.chars() {
        match character {
            '<' => depth += 1,
            '>' if before != '-' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(character),
            _ => {}
        }
        before = character;
    }
    // What is left of `d::<E>` and `d::<E>::f`.
    plain.replace("::::", "::").trim_end_matches("::").to_owned()
}

/// The last two parts of it: `Channel::send`, `exchange::hand_over`.
pub(super) fn short(name: &str) -> String {
    let plain = without_arguments(name);
    let parts: Vec<&str> = plain.split("::").filter(|part| !part.starts_with('{')).collect();
    parts[parts.len().saturating_sub(2)..].join("::")
}

/// Where the bracket ends that was opened before `text`.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1u32;
    let mut before = ' ';
    for (at, character) in text.char_indices() {
        match character {
            '<' => depth += 1,
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
        before = character;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_arguments_and_keep_their_path() {
        let cases = [
            ("switchlab_kernel::experiments::exchange::hand_over::<a::Batch>", "exchange::hand_over"),
            ("<switchlab_sync::channel::Channel<k::Kernel>>::send", "Channel::send"),
            ("<switchlab_kernel::sched::platform::Kernel as switchlab_sync::Platform>::halt", "Kernel::halt"),
            ("<k::m::{closure#0} as core::ops::function::FnOnce<()>>::call_once", "m::call_once"),
            ("switchlab_kernel::arch::x86_64::ipi::wake_up_xapic", "ipi::wake_up_xapic"),
            ("a::b::<fn(u8) -> u16>::c", "b::c"),
            ("main", "main"),
            ("", ""),
        ];
        for (name, expected) in cases {
            assert_eq!(short(name), expected, "{name}");
        }
    }
}
