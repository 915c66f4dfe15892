//! What kept ring 3 in, in words.

use std::collections::BTreeMap;

use switchlab_records::{Guard, Protection};

/// What is on, what is not, and what there is none of; once where all CPUs are alike. `None` where nothing is told.
pub(super) fn text(protection: &[Protection]) -> Option<String> {
    let mut alike: BTreeMap<[Guard; 5], Vec<u32>> = BTreeMap::new();
    for Protection { cpu, nx, smep, smap, umip, pcid } in protection {
        alike.entry([*nx, *smep, *smap, *umip, *pcid]).or_default().push(*cpu);
    }
    let are_alike = alike.len() == 1;
    let told = alike.iter().map(|(guards, cpus)| {
        let cpus: Vec<String> = cpus.iter().map(u32::to_string).collect();
        let where_ = if are_alike { String::new() } else { format!(" on CPU {}", cpus.join(" and ")) };
        format!("{}{where_}", of_a_cpu(guards))
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| format!("{}; by EFER and CR4 as it ran", told.join("; ")))
}

/// As the record has them.
const NAMES: [&str; 5] = ["NX", "SMEP", "SMAP", "UMIP", "PCID"];

fn of_a_cpu(guards: &[Guard; 5]) -> String {
    let words = [(Guard::On, "on"), (Guard::Off, "off"), (Guard::Absent, "not here")];
    let told = words.into_iter().filter_map(|(guard, word)| {
        let named: Vec<&str> =
            NAMES.into_iter().zip(guards).filter(|(_, of)| **of == guard).map(|(name, _)| name).collect();
        (!named.is_empty()).then(|| format!("{} {word}", named.join(", ")))
    });
    told.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use Guard::{Absent, Off, On};

    #[test]
    fn what_is_on_is_told_once_where_all_cpus_are_alike() {
        let of = |cpu, smap| Protection { cpu, nx: On, smep: On, smap, umip: On, pcid: Absent };
        assert_eq!(text(&[]), None);
        assert_eq!(
            text(&[of(0, On), of(1, On)]).unwrap(),
            "NX, SMEP, SMAP, UMIP on, PCID not here; by EFER and CR4 as it ran"
        );
        assert_eq!(
            text(&[of(0, On), of(1, Off)]).unwrap(),
            "NX, SMEP, SMAP, UMIP on, PCID not here on CPU 0; NX, SMEP, UMIP on, SMAP off, PCID not here on CPU 1; \
             by EFER and CR4 as it ran"
        );
    }
}
