//! Facts about `qemu`: configuration in, argv out.

use super::*;

fn config() -> Config {
    Config {
        qemu: "qemu-system-x86_64".into(),
        host_cpus: None,
        machine: Machine::Pc,
        accelerator: Accelerator::Tcg(TcgThread::Single),
        timing: Timing::Host,
        cpus: 12,
        cpu: None,
        memory: "256M".into(),
        loader: "boot.elf".into(),
        kernel: "kernel.elf".into(),
        ramdisk: None,
        command_line: "experiment=classic runs=5".into(),
        monitor: None,
        extra: Vec::new(),
    }
}

fn line(config: &Config) -> String {
    shell_line(&config.argv())
}

#[test]
fn default_guest_is_headless_with_a_serial_line_and_a_way_out() {
    assert_eq!(
        line(&config()),
        "qemu-system-x86_64 -M pc -accel tcg,thread=single -m 256M -smp 12 -cpu max -nodefaults -no-reboot \
         -display none -device isa-debug-exit,iobase=0xf4,iosize=1 -chardev stdio,id=serial0,signal=off \
         -serial chardev:serial0 -monitor none -kernel boot.elf -initrd kernel.elf \
         -append 'experiment=classic runs=5'"
    );
}

#[test]
fn cpu_model_follows_the_accelerator_unless_named() {
    let with = |accelerator| line(&Config { accelerator, ..config() });
    assert!(
        with(Accelerator::Tcg(TcgThread::Multi))
            .contains("-accel tcg,thread=multi -m 256M -smp 12 -cpu max ")
    );
    assert!(with(Accelerator::Kvm).contains("-accel kvm -m 256M -smp 12 -cpu host "));
    assert!(with(Accelerator::Hvf).contains("-cpu host "));
    let named = Config { cpu: Some("EPYC,+svm".into()), accelerator: Accelerator::Kvm, ..config() };
    assert!(line(&named).contains("-cpu EPYC,+svm "));
}

#[test]
fn counted_instructions_leave_no_clock_to_the_host() {
    let counted = line(&Config { timing: Timing::Instructions, ..config() });
    assert!(counted.contains(" -icount shift=0,sleep=off -rtc clock=vm -seed 0 "), "{counted}");
    assert!(!line(&config()).contains("-icount"));
}

#[test]
fn host_cpus_pin_by_taskset() {
    let pinned = Config { host_cpus: Some("0-1".into()), ..config() };
    assert!(line(&pinned).starts_with("taskset -c 0-1 qemu-system-x86_64 -M pc "));
}

#[test]
fn commas_in_file_names_are_doubled_only_where_qemu_splits() {
    let config = Config {
        loader: "a,b".into(),
        kernel: "c,d".into(),
        ramdisk: Some("e,f".into()),
        command_line: "pair=0,1".into(),
        ..config()
    };
    assert!(line(&config).ends_with(
        "-kernel a,b -initrd c,d -fw_cfg name=opt/org.switchlab/ramdisk,file=e,,f -append pair=0,1"
    ));
}

#[test]
fn monitor_opens_without_waiting_for_anyone() {
    let heard = Config { monitor: Some("/tmp/a,b.sock".into()), ..config() };
    assert!(line(&heard).contains(" -monitor none -qmp unix:/tmp/a,,b.sock,server=on,wait=off -kernel "));
}

#[test]
fn empty_command_line_is_left_out() {
    assert!(line(&Config { command_line: String::new(), ..config() }).ends_with("-initrd kernel.elf"));
}

#[test]
fn users_arguments_come_last() {
    let config = Config { extra: vec!["-icount".into(), "shift=0".into()], ..config() };
    assert!(line(&config).ends_with("'experiment=classic runs=5' -icount shift=0"));
}

#[test]
fn machine_is_named() {
    assert!(line(&Config { machine: Machine::Q35, ..config() }).contains(" -M q35 "));
}

#[test]
fn shell_line_can_be_pasted() {
    let words = ["plain", "two words", "it's", "", "$HOME"].map(OsString::from);
    assert_eq!(shell_line(&words), r"plain 'two words' 'it'\''s' '' '$HOME'");
}

#[test]
fn missing_qemu_is_named_as_it_was_asked_for() {
    let wanted = Path::new("/no/such/qemu");
    assert_eq!(find(Some(wanted)), Err(wanted.to_path_buf()));
}

#[test]
fn version_may_take_longer_than_a_second_to_be_told() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("qemu");
    std::fs::write(&script, "#!/bin/sh\nsleep 1.5\necho QEMU emulator version 9.9.9\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(version(&script).as_deref(), Ok("9.9.9"));
}
