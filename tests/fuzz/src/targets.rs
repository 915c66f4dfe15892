//! What is fed: each reads bytes that come from outside.

use std::str;

use bootloader_api::BootloaderConfig;
use clap::ValueEnum;
use crc::{CRC_32_ISO_HDLC, Crc};
use switchlab_analysis::measurements::Measurements;
use switchlab_boot_plan::kernel::Kernel;
use switchlab_boot_plan::layout::{Demands, LargePage, Layout};
use switchlab_boot_plan::memory::MemoryMap;
use switchlab_boot_plan::pvh::{self, MemoryMapEntry, Module, StartInfo};
use switchlab_boot_plan::{command_line, config, rsdp, seal};
use switchlab_core::acpi::{Rsdp, SDT_HEADER_LENGTH, SdtHeader, hpet_base, pm_timer, root_entries};
use switchlab_core::madt::enabled_cpus;
use switchlab_core::params::Params;
use switchlab_core::{ApicId, CpuId, MAX_CPUS};
use switchlab_records::{Record, Unit, parse_frame, read_log};
use xtask::capture::Ending;
use xtask::cmd::output::{Format, render};
use xtask::guest_linux::log::judge;
use xtask::judged::Found;
use xtask::report::listing::Listing;
use xtask::report::{EmbeddedRun, element};
use xtask::rigorous::{BootEntry, Boots, Goal, folder_name};

use crate::hang;

#[path = "../../../boot/plan/tests/common/mod.rs"]
#[allow(missing_docs, unreachable_pub, reason = "a copy for tests")]
mod elf;
#[path = "../../../xtask/src/golden.rs"]
#[allow(dead_code, missing_docs, unreachable_pub, reason = "a copy for tests")]
pub mod golden;

/// Something that reads.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Its part of a thousand inputs: what is quicker gets more.
    pub share: u64,
    /// Of a thousand inputs so many are taken at least: about a third of what was found, so that what is behind the
    /// first check is read as well.
    pub taken: u64,
    /// Good inputs.
    pub good: fn() -> Vec<Vec<u8>>,
    /// Makes the checksums right again.
    pub mend: Option<fn(&mut Vec<u8>)>,
    /// Reads: whether it was taken; what does not hold, where it does not.
    pub feed: fn(&[u8]) -> Result<bool, String>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "record", share: 150, taken: 13, good: record_lines, mend: Some(mend_line), feed: record },
    Target { name: "log", share: 100, taken: 6, good: logs, mend: Some(mend_log), feed: log },
    Target {
        name: "acpi",
        share: 175,
        taken: 80,
        good: tables,
        mend: Some(|table| mend_table(table)),
        feed: acpi,
    },
    Target { name: "pvh", share: 175, taken: 250, good: machines, mend: None, feed: pvh_info },
    Target {
        name: "elf",
        share: 75,
        taken: 56,
        good: kernels,
        mend: Some(|file| reseal(file)),
        feed: kernel,
    },
    Target {
        name: "guest-log",
        share: 25,
        taken: 15,
        good: guest_logs,
        mend: Some(mend_log),
        feed: guest_log,
    },
    Target { name: "parameters", share: 100, taken: 24, good: parameters, mend: None, feed: params },
    Target { name: "csv", share: 50, taken: 25, good: runs, mend: None, feed: csv },
    Target { name: "monitor", share: 50, taken: 150, good: hang::texts, mend: None, feed: hang::text },
    Target { name: "memory", share: 50, taken: 220, good: hang::memories, mend: None, feed: hang::memory },
    Target { name: "json", share: 50, taken: 56, good: kept, mend: None, feed: json },
];

fn ensure(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

fn logs() -> Vec<Vec<u8>> {
    use golden::points::{hierarchy, levels, matrix, ring, scale, wait, wait_beside};
    let failed = vec![golden::start(), golden::failure("two and two are 5")];
    let others = [
        hierarchy(1, Unit::Time),
        levels(Unit::Instructions),
        matrix(4, 1),
        ring(2),
        scale(1),
        wait(1),
        wait_beside(2),
        golden::classic(1, 1, 100),
        golden::classic_in(Unit::Instructions, 2, 1, 100),
        failed,
    ];
    let others = others.map(golden::ended);
    [golden_log()].into_iter().chain(others).map(String::into_bytes).collect()
}

/// A whole log of a classic run, as short as one is.
pub fn golden_log() -> String {
    golden::ended(golden::classic(2, 1, 100))
}

fn record_lines() -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for log in logs() {
        lines.extend(
            log.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"@sl ")).map(<[u8]>::to_vec),
        );
    }
    lines
}

/// Gives a line the checksum of what stands before it.
fn mend_line(line: &mut Vec<u8>) {
    const PREFIX: usize = "@sl ".len();
    let Some(end) = line.iter().rposition(|byte| *byte == b' ').filter(|end| *end > PREFIX) else { return };
    let checksum = Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(&line[PREFIX..end]);
    line.truncate(end + 1);
    line.extend(format!("{checksum:08x}").bytes());
}

fn mend_log(log: &mut Vec<u8>) {
    let lines: Vec<Vec<u8>> = log.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let mended = lines.into_iter().map(|mut line| {
        if line.starts_with(b"@sl ") {
            mend_line(&mut line);
        }
        line
    });
    *log = mended.collect::<Vec<_>>().join(&b'\n');
}

fn record(bytes: &[u8]) -> Result<bool, String> {
    let text = String::from_utf8_lossy(bytes);
    for line in text.lines() {
        let Some(Ok(frame)) = parse_frame(line) else { continue };
        let Ok(record) = serde_json::from_str::<Record<'_>>(frame.json) else { continue };
        let mut again = vec![0; 2 * line.len() + switchlab_records::MAX_LINE];
        let length = switchlab_records::encode(frame.sequence, &record, &mut again)
            .map_err(|why| format!("a record that was read cannot be written: {why:?}"))?;
        let written = str::from_utf8(&again[..length]).map_err(|_| "a line that is no text".to_owned())?;
        let read = parse_frame(written.trim_end()).and_then(Result::ok);
        let read = read.and_then(|frame| serde_json::from_str(frame.json).ok());
        ensure(read == Some(record), "a record that was written is read as another")?;
        return Ok(true);
    }
    Ok(false)
}

/// As `replay` reads it; what is taken can be shown in every form.
fn log(bytes: &[u8]) -> Result<bool, String> {
    let text = String::from_utf8_lossy(bytes);
    let log = read_log(&text);
    if !log.passed() {
        return Ok(false);
    }
    match Found::from_log(&text, None) {
        Ok(found) => {
            for format in Format::value_variants() {
                render(*format, &found, None)
                    .map_err(|why| format!("what was taken cannot be shown as {format:?}: {why:#}"))?;
            }
            Ok(true)
        }
        Err(_) => Ok(false),
    }
}

/// Of a Linux guest's program, between the words of Linux.
fn guest_logs() -> Vec<Vec<u8>> {
    use switchlab_guest_linux::{Block, Boot, End, Exchange, Record, Skipped};
    let boot = Boot {
        release: "6.1.0-56-cloud-amd64".into(),
        clock_source: "tsc".into(),
        cpus: 12,
        mitigations: "Meltdown, Spectre v2".into(),
    };
    let block = Block { exchange: Exchange::FutexOther, repetition: 1, handoffs: 200, elapsed_ns: 5_000_000 };
    let skipped = Skipped { exchange: Exchange::GoOne, why: "no Go".into() };
    let records =
        [Record::Boot(boot), Record::Block(block), Record::Skipped(skipped), Record::End(End { records: 4 })];
    let mut log = b"[    0.5] Linux says something\n".to_vec();
    for (sequence, record) in (0..).zip(&records) {
        let mut line = [0; 1_024];
        let length = switchlab_records::encode(sequence, record, &mut line).expect("a short record");
        log.extend(&line[..length]);
    }
    vec![log]
}

fn guest_log(bytes: &[u8]) -> Result<bool, String> {
    let text = String::from_utf8_lossy(bytes);
    let Ok(log) = judge(Ending::Exited(0), &text, "") else { return Ok(false) };
    ensure(log.blocks.iter().all(|block| block.one_way_ns().is_normal()), "a block whose cost is no number")?;
    Ok(true)
}

/// A table with its header, as firmware makes it (ACPI 6.5, 5.2.6).
fn table(signature: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut table = signature.to_vec();
    table.extend((36 + body.len() as u32).to_le_bytes());
    table.extend([3, 0]);
    table.extend(b"MAKER TABLE   ");
    table.extend([0; 12]);
    table.extend(body);
    mend_table(&mut table);
    table
}

fn tables() -> Vec<Vec<u8>> {
    let mut madt = vec![0, 0, 0xe0, 0xfe, 1, 0, 0, 0];
    for id in 0..3_u8 {
        madt.extend([0, 8, id, id, 1, 0, 0, 0]);
    }
    for id in [3_u8, 200] {
        madt.extend([9, 16, 0, 0, id, 1, 0, 0, 1, 0, 0, 0, id, 0, 0, 0]);
    }
    madt.extend([1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0]);
    madt.extend([4, 6, 0xff, 0, 0, 1]);
    madt.extend([10, 12, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0]);
    madt.extend([5, 12, 0, 0, 0, 0, 0xe0, 0xfe, 0, 0, 0, 0]);
    let mut root = b"RSD PTR \0MAKER\x02".to_vec();
    root.extend(0x7fe_1000_u32.to_le_bytes());
    root.extend(36_u32.to_le_bytes());
    root.extend(0x7fe_2000_u64.to_le_bytes());
    root.extend([0; 4]);
    mend_table(&mut root);
    let entries: Vec<u8> = (1..9_u64).flat_map(|table| (table << 12).to_le_bytes()).collect();
    vec![
        table(b"APIC", &madt),
        table(b"XSDT", &entries),
        table(b"RSDT", &entries),
        root,
        fadt(),
        table(b"HPET", &hpet()),
    ]
}

/// A FADT of ACPI 2.0 and later, with the PM timer at an I/O port (ACPI 6.5, 5.2.9); places are from the table's begin.
fn fadt() -> Vec<u8> {
    const LENGTH: usize = 244;
    let mut body = vec![0; LENGTH - SDT_HEADER_LENGTH];
    let fields: [(usize, &[u8]); 4] = [
        // PM_TMR_BLK, PM_TMR_LEN, flags with TMR_VAL_EXT, X_PM_TMR_BLK.
        (76, &0x608_u32.to_le_bytes()),
        (91, &[4]),
        (112, &(1_u32 << 8).to_le_bytes()),
        (208, &[1, 32, 0, 3, 0x08, 0x06, 0, 0, 0, 0, 0, 0]),
    ];
    for (at, bytes) in fields {
        body[at - SDT_HEADER_LENGTH..][..bytes.len()].copy_from_slice(bytes);
    }
    table(b"FACP", &body)
}

/// What follows the header of an HPET table (IA-PC HPET specification 1.0a, 3.2.4).
fn hpet() -> Vec<u8> {
    let mut body = 0x8086_a201_u32.to_le_bytes().to_vec();
    body.extend([0, 64, 0, 0]);
    body.extend(0xfed0_0000_u64.to_le_bytes());
    body.extend([0; 4]);
    body
}

/// Makes the sum of all bytes 0: of a root pointer also that of its first part.
fn mend_table(table: &mut [u8]) {
    let sum = |bytes: &[u8]| bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    if table.starts_with(b"RSD PTR ") && table.len() >= 36 {
        table[8] = table[8].wrapping_sub(sum(&table[..20]));
        let all = sum(&table[..36]);
        table[32] = table[32].wrapping_sub(all);
    } else if table.len() >= 36 {
        // What follows the length that is stated does not count.
        let stated = u32::from_le_bytes([table[4], table[5], table[6], table[7]]) as usize;
        let end = stated.clamp(36, table.len());
        let all = sum(&table[..end]);
        table[9] = table[9].wrapping_sub(all);
    }
}

fn acpi(bytes: &[u8]) -> Result<bool, String> {
    let root = Rsdp::parse(bytes).map(Rsdp::address).is_ok();
    rsdp::find(bytes).map_or(Ok(()), |at| ensure(rsdp::is_rsdp(&bytes[at..]), "what was found is none"))?;
    let header = SdtHeader::parse(bytes).is_ok();
    let entries = root_entries(bytes).map_or(0, |entries| entries.count());
    ensure(entries <= bytes.len() / 4, "more entries than there is room for")?;
    let timer = pm_timer(bytes);
    if let Ok(Some(timer)) = timer {
        ensure(timer.port != 0, "a PM timer at no port")?;
    }
    let hpet = hpet_base(bytes);
    ensure(hpet != Ok(0), "an HPET at address 0")?;
    ensure(header || (timer.is_err() && hpet.is_err()), "a clock in a table without a header")?;
    let clock = matches!(timer, Ok(Some(_))) || hpet.is_ok();
    let Ok(list) = enabled_cpus(bytes, ApicId::new(0)) else {
        return Ok(root || clock || (header && entries > 0));
    };
    ensure((1..=MAX_CPUS).contains(&list.count()), "a number of CPUs that cannot be")?;
    ensure(list.apic_id(CpuId::BSP) == Some(ApicId::new(0)), "the BSP is not the first")?;
    let mut ids: Vec<_> = list.apic_ids().iter().map(|id| id.get()).collect();
    ids.sort_unstable();
    ids.dedup();
    ensure(ids.len() == list.count(), "an id came twice")?;
    for (cpu, _) in list.iter() {
        let _ = list.nmi_pins(cpu);
    }
    Ok(true)
}

/// A start info, then modules, then a memory map.
fn machines() -> Vec<Vec<u8>> {
    let mut info = Vec::new();
    info.extend(0x336e_c578_u32.to_le_bytes());
    info.extend([1_u32, 0, 1].map(u32::to_le_bytes).concat());
    info.extend([0x1000_u64, 0x2000, 0xf_0000, 0x3000].map(u64::to_le_bytes).concat());
    info.extend([3_u32, 0].map(u32::to_le_bytes).concat());
    info.extend([0x10_0000_u64, 0x8000, 0, 0].map(u64::to_le_bytes).concat());
    for (address, size, kind) in
        [(0_u64, 0x9_fc00_u64, 1_u64), (0x9_fc00, 0x400, 2), (0x10_0000, 0xfee_0000, 1)]
    {
        info.extend([address, size, kind].map(u64::to_le_bytes).concat());
    }
    info.extend(b"experiment=classic runs=5\0");
    vec![info]
}

fn pvh_info(bytes: &[u8]) -> Result<bool, String> {
    let Some((info, rest)) = bytes.split_first_chunk::<{ StartInfo::SIZE }>() else { return Ok(false) };
    let Ok(info) = StartInfo::read(info) else { return Ok(false) };
    ensure(info.memory_map_count > 0, "no memory map")?;
    let Some((module, rest)) = rest.split_first_chunk::<{ Module::ENTRY_SIZE }>() else { return Ok(false) };
    let _ = Module::read(module);
    let (entries, text) = rest.as_chunks::<{ MemoryMapEntry::ENTRY_SIZE }>();
    let entries: Vec<_> = entries.iter().map(MemoryMapEntry::read).collect();
    let map = MemoryMap::new(&entries);
    let line = pvh::command_line(if text.is_empty() { bytes } else { text });
    if let Ok(line) = line {
        ensure(line.len() <= command_line::MAX_LENGTH && !line.contains('\0'), "a command line too long")?;
        let mut block = [0; command_line::BLOCK_SIZE];
        if command_line::encode(line, &mut block).is_ok() {
            ensure(command_line::decode(&block) == Some(line), "a command line that is read as another")?;
        }
    }
    Ok(map.is_ok())
}

fn kernels() -> Vec<Vec<u8>> {
    let whole = elf::Elf::new(0, &BootloaderConfig::new_default())
        .with_dynamic(&[], &[(2 * elf::PAGE + 0x10, elf::R_X86_64_RELATIVE, 0x1234)])
        .build();
    let fixed = elf::Elf::new(elf::STATIC_BASE, &BootloaderConfig::new_default()).build();
    let mut sealed = fixed.clone();
    seal::put_on(&mut sealed);
    vec![whole, fixed, sealed]
}

/// Seals a file anew that had a seal.
fn reseal(file: &mut [u8]) {
    if seal::is_on(file) {
        seal::put_on(file);
    }
}

/// All that the loader does with a file before it touches memory, and the loading of what is not too large.
fn kernel(bytes: &[u8]) -> Result<bool, String> {
    const MAX_IMAGE: u64 = 1 << 20;
    let Ok(()) = seal::check(bytes) else { return Ok(false) };
    let Ok(kernel) = Kernel::read(bytes) else { return Ok(false) };
    let Ok(config) = kernel.config_section().and_then(config::read) else { return Ok(false) };
    let demands = Demands {
        loader: 0x10_0000..0x12_0000,
        physical_memory_end: 0,
        largest_page: LargePage::TwoMib,
        boot_info_size: 3 * elf::PAGE,
        ramdisk_size: None,
    };
    let Ok(layout) = Layout::plan(&kernel, &config, &demands) else { return Ok(false) };
    let size =
        layout.kernel.end.checked_sub(layout.kernel.start).ok_or("an image that ends before it starts")?;
    ensure(size >= kernel.pages().end - kernel.pages().start, "an image that is shorter than its pages")?;
    if size <= MAX_IMAGE {
        kernel.load(&mut vec![0; size as usize], layout.bias);
        for page in kernel.pages().step_by(elf::PAGE as usize) {
            let _ = kernel.access(page);
        }
    }
    Ok(true)
}

fn parameters() -> Vec<Vec<u8>> {
    [
        "experiment=classic runs=5 exchanges=1000000 pair=0,1",
        "experiment=scale runs=1 exchanges=100 warmup=10 samples=0 budget=60000 tasks=65536 unit=instructions",
        "experiment=wait ways=halt,spin,spin-pause offsets=none seed=18446744073709551615 trace=100",
        "experiment=policy policy=round-robin,lifo,stealing",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

fn params(bytes: &[u8]) -> Result<bool, String> {
    const KNOWN: [&str; 4] = ["classic", "scale", "wait", "policy"];
    let text = String::from_utf8_lossy(bytes);
    match Params::parse(&text, &KNOWN) {
        Ok(params) => {
            let fits = [1, 2, 12, 64].map(|cpus| params.validate(cpus));
            Ok(fits.iter().any(Result::is_ok))
        }
        Err(why) => ensure(!why.to_string().is_empty(), "a refusal without a word").map(|()| false),
    }
}

fn runs() -> Vec<Vec<u8>> {
    let plain = "run,single,multi\n1,639.96ms,896.70ms\n2,568.30ms,588.72ms\n3,554.18ms,610.07ms\n";
    [include_str!("../../../xtask/examples/original.csv"), plain].map(|text| text.as_bytes().to_vec()).into()
}

fn csv(bytes: &[u8]) -> Result<bool, String> {
    match Measurements::read(bytes, &[]) {
        Ok(_) => Ok(true),
        Err(why) => ensure(!why.to_string().is_empty(), "a refusal without a word").map(|()| false),
    }
}

/// What is kept as JSON: a manifest, a benchmark, the boots of a run, a listing; and the element of a page that carries a run.
fn kept() -> Vec<Vec<u8>> {
    let manifest = include_str!("../good/manifest.json");
    let mut run = EmbeddedRun { name: "20261124T005155Z-classic".into(), files: Vec::new() };
    run.push("serial.log".into(), golden_log().into_bytes());
    run.push("manifest.json".into(), manifest.into());
    run.push("raw".into(), vec![0, 0xff, 0x80]);
    let page = element(&[run]).expect("a run can be carried");
    let bench = r#"{"format":3,"rows":[],"rounds":5,"started":"2026-11-24T00:00:00Z","guesses":[]}"#;
    let mut boots = Boots::new("classic", 7, Goal::Stable { percent: 2.5, least: 10, most: 50 });
    boots.boots.push(BootEntry { number: 1, folder: folder_name(1), seed: u64::MAX });
    let boots = serde_json::to_string(&boots).expect("boots can be written");
    [manifest, &page, bench, &boots].map(|text| text.as_bytes().to_vec()).into()
}

fn json(bytes: &[u8]) -> Result<bool, String> {
    let text = String::from_utf8_lossy(bytes);
    let manifest = xtask::manifest::Manifest::parse(&text).is_ok();
    let bench = xtask::bench::Bench::parse(&text).is_ok() || xtask::levels::parse(&text).is_ok();
    let report = xtask::report::is_report(&text) && xtask::report::embedded(&text).is_ok();
    let boots = Boots::parse(&text).is_ok();
    let listing = serde_json::from_str::<Listing>(&text).is_ok();
    Ok(manifest || bench || report || boots || listing)
}
