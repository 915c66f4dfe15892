//! What tests of the report share.

use crate::manifest::Manifest;

/// The facts of a run that passed, under emulation.
pub(super) fn manifest() -> Manifest {
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
