//! What tests of the report share, and those of `judged`.

use super::EmbeddedRun;
use crate::manifest::Manifest;
use crate::rigorous::{self, BootEntry, Boots, End, Goal};

/// A run named `a`, of this log and manifest.
pub(crate) fn run(log: &str, manifest: Option<&Manifest>) -> EmbeddedRun {
    let mut run = EmbeddedRun { name: "a".into(), files: Vec::new() };
    run.push("serial.log".into(), log.into());
    if let Some(manifest) = manifest {
        run.push("manifest.json".into(), serde_json::to_vec(manifest).expect("JSON"));
    }
    run
}

/// A run of several boots, each of this log and one of these manifests.
pub(crate) fn boots(log: &str, manifests: &[Manifest]) -> EmbeddedRun {
    let count = u32::try_from(manifests.len()).expect("few");
    let mut boots = Boots::new("classic", 0, Goal::Boots { boots: count });
    boots.end = Some(End { status: 0, outcome: "pass".into() });
    let mut run = EmbeddedRun { name: "a".into(), files: Vec::new() };
    for (manifest, number) in manifests.iter().zip(1..) {
        let folder = rigorous::folder_name(number);
        run.push(format!("{folder}/serial.log"), log.into());
        run.push(format!("{folder}/manifest.json"), serde_json::to_vec(manifest).expect("JSON"));
        boots.boots.push(BootEntry { number, folder, seed: 0 });
    }
    run.push(rigorous::FILE.into(), serde_json::to_vec(&boots).expect("JSON"));
    run
}

/// The facts of a run that passed, under emulation.
pub(crate) fn manifest() -> Manifest {
    let text = r#"{
        "format": 1, "started": "2026-11-24T11:46:11.777Z",
        "argv": ["qemu-system-x86_64", "-smp", "12"],
        "qemu": {"path": "qemu-system-x86_64", "version": "99.0 (fake)"},
        "accelerator": {"argument": "tcg,thread=single", "name": "tcg, one thread for all vCPUs", "why": "a test"},
        "guest": {"cpus": 12, "cpu": "max", "memory": "256M"},
        "host": {"system": "linux x86_64", "cpu": "a CPU", "cpus": 2, "pinned_to": null,
                 "oversubscribed": true, "floor": null},
        "revision": null, "toolchain": null,
        "loader": {"path": "loader", "sha256": "00"}, "kernel": {"path": "kernel", "sha256": "00"},
        "ending": {"outcome": "pass", "status": 0, "elapsed_ms": 1000, "cpus_up_ms": 100}
    }"#;
    serde_json::from_str(text).expect("a manifest")
}

/// The same, where QEMU was stopped while it measured same-core in these runs.
pub(crate) fn manifest_with_voids(runs: &[u32]) -> Manifest {
    let void = |run: &u32| {
        serde_json::json!({
            "run": run, "position": 1, "mode": "same-core", "subject": "handoff", "pass": "batch",
            "reasons": [{ "reason": "stopped", "ms": 300 }],
        })
    };
    let watch = serde_json::json!({
        "process": "yes", "monitor": "yes", "blocks": 60, "unwatched_blocks": 0, "host_busy_percent": 1.0,
        "events": [], "guest_time": null, "voids": runs.iter().map(void).collect::<Vec<_>>(),
    });
    Manifest { watch: serde_json::from_value(watch).expect("facts"), ..manifest() }
}
