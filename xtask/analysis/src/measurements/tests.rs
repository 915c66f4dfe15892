//! Facts about `measurements`.

use super::*;

fn read(text: &str) -> Result<Measurements, BadTable> {
    Measurements::read(text.as_bytes(), &[])
}

fn refused(text: impl AsRef<[u8]>, message: &str) {
    let text = text.as_ref();
    let error = Measurements::read(text, &[]).expect_err(message).to_string();
    assert!(error.contains(message), "{}: {error}", String::from_utf8_lossy(text));
}

fn values(measurements: &Measurements) -> Vec<&[f64]> {
    measurements.columns.iter().map(|column| &*column.values).collect()
}

#[test]
fn original_is_read_with_its_units() {
    let table = read(include_str!("../../../examples/original.csv")).unwrap();
    assert_eq!(table.order, RunOrder::ByColumn { header: "run".into() });
    let [single, multi] = &table.columns[..] else { panic!("{table:?}") };
    assert_eq!((&*single.name, &*single.header, &single.unit), ("single", "single (ms)", &Unit::Time));
    assert_eq!((&*multi.name, &multi.unit, multi.values.len()), ("multi", &Unit::Time, 5));
    assert_eq!(multi.values[0].round(), 896_700_000.0);
}

#[test]
fn every_way_to_write_a_unit_is_understood() {
    let header = "a (ms),b [ns],c_us,d_s, e ( µs ) ,f_ticks,g (MB),h,i_j,k_ps,time_ms,l (μs)";
    let ones = ["1"; 12].join(",");
    let table = read(&format!("{header}\n{ones}\n{ones}\n")).unwrap();
    let read: Vec<_> =
        table.columns.iter().map(|column| (&*column.name, column.unit.symbol(), column.values[1])).collect();
    let expected = [
        ("a", Some("ns"), 1e6),
        ("b", Some("ns"), 1.0),
        ("c", Some("ns"), 1e3),
        ("d", Some("ns"), 1e9),
        ("e", Some("ns"), 1e3),
        ("f", Some("ticks"), 1.0),
        ("g", Some("MB"), 1.0),
        ("h", None, 1.0),
        ("i_j", None, 1.0),
        ("k", Some("ns"), 1e-3),
        ("time", Some("ns"), 1e6),
        ("l", Some("ns"), 1e3),
    ];
    assert_eq!(read, expected);
}

#[test]
fn rows_are_put_into_the_order_of_their_runs() {
    let table = read("a,Run,b\n30,3,33\n10,1,11\n20,2,22\n").unwrap();
    assert_eq!(values(&table), [[10.0, 20.0, 30.0], [11.0, 22.0, 33.0]]);
    assert_eq!(table.order, RunOrder::ByColumn { header: "Run".into() });
    // Runs that are void are not there.
    assert_eq!(values(&read("run,a,b\n7,1,2\n4,3,4\n").unwrap()), [[3.0, 1.0], [4.0, 2.0]]);
}

#[test]
fn first_column_that_counts_is_no_data_unless_it_is_asked_for() {
    let text = "n,a,b\n1,5,6\n2,7,8\n3,9,10\n";
    let counted = read(text).unwrap();
    assert_eq!(counted.order, RunOrder::Counted { header: "n".into() });
    assert_eq!(values(&counted), [[5.0, 7.0, 9.0], [6.0, 8.0, 10.0]]);
    let asked = Measurements::read(text.as_bytes(), &["n"]).unwrap();
    assert_eq!((asked.columns.len(), asked.order), (3, RunOrder::AsInFile));
    for (asked, columns) in [("n", 3), ("n ()", 3), ("a", 2)] {
        let read = Measurements::read(&b"n (),a,b\n1,5,6\n2,7,8\n"[..], &[asked]).unwrap();
        assert_eq!(read.columns.len(), columns, "{asked}");
    }
    // From 0, as data frames write it.
    assert_eq!(read("n,a,b\n0,5,6\n1,7,8\n").unwrap().columns.len(), 2);
    for data in
        ["n (ns),a,b\n1,5,6\n2,7,8\n", "n,a,b\n1,5,6\n", "n,a,b\n2,5,6\n3,5,6\n", "n,a,b\n1,5,6\n3,7,8\n"]
    {
        assert_eq!(read(data).unwrap().columns.len(), 3, "{data}");
    }
    // With it gone there would be nothing to compare.
    assert_eq!(read("n,a\n1,5\n2,6\n").unwrap().columns.len(), 2);
    refused("n,a,b\n0,5,6\n2,7,8\n", "line 2, column `n`: `0` is zero");
}

#[test]
fn run_column_holds_run_numbers() {
    refused("run,a,b\n1,5,6\nAverage,5,6\n", "line 3, column `run`: `Average` is not a run number");
    refused("run,a,b\n1.5,5,6\n", "`1.5` is not a run number");
    refused("run,a,b\n-1,5,6\n", "`-1` is not a run number");
    refused("run,a,b\n,5,6\n", "column `run`: the value is missing");
    refused("run,a,b\n2,5,6\n1,5,6\n2,5,6\n", "run 2 stands twice, in lines 2 and 4");
    refused("run,a,b\n1,5,6\n1,5,6\n", "run 1 stands twice, in lines 2 and 3");
}

#[test]
fn header_that_names_nothing_is_refused() {
    refused("", "it is empty");
    refused("\n\n", "it is empty");
    refused("1,2\n3,4\n", "line 1 holds numbers");
    refused("a,\n1,2\n", "column 2 has no name");
    refused("a,(ms)\n1,2\n", "column 2 has no name");
    refused("a,b,a\n1,2,3\n", "columns 1 and 3 are both named `a`");
    refused("a (ms),b,a [ns]\n1,2,3\n", "columns 1 and 3 are both named `a`");
    refused("a\n1\n", "names 1 column of measurements");
    refused("run,a\n1,1\n", "names 1 column of measurements");
    refused("run\n1\n", "names no column of measurements");
    refused("a;b\n1;2\n", "separated by a comma");
}

#[test]
fn as_many_columns_are_taken_as_the_most_are_and_no_more() {
    let table = |columns: usize| {
        let line = |of: fn(usize) -> String| (0..columns).map(of).collect::<Vec<_>>().join(",");
        format!(
            "{}\n{}\n",
            line(|number| format!("column {number}")),
            line(|number| (number + 1).to_string())
        )
    };
    assert_eq!(read(&table(MOST_COLUMNS)).unwrap().columns.len(), MOST_COLUMNS);
    let message = format!("line 1 names {} columns; the most are {MOST_COLUMNS}", MOST_COLUMNS + 1);
    refused(table(MOST_COLUMNS + 1), &message);
}

#[test]
fn unit_is_told_as_a_part_of_a_sentence() {
    assert_eq!(Unit::Time.kind(), "a time");
    assert_eq!(Unit::Named("ticks".into()).kind(), "in ticks");
    assert_eq!(Unit::None.kind(), "without a unit");
}

#[test]
fn rows_that_do_not_fit_the_header_are_refused_by_line() {
    refused("a,b\n", "no run below");
    refused("a,b,c (ms)\n1,2,3\n4,5\n", "line 3: column `c (ms)` is missing: 2 of 3 fields");
    refused("a,b\n1,2\n\n3,4,5\n", "line 4: 3 fields, and line 1 names 2 columns");
}

#[test]
fn values_that_are_none_are_refused_by_line_and_column() {
    for (value, message) in [
        ("", "the value is missing"),
        ("  ", "the value is missing"),
        ("fast", "`fast` is not a number"),
        ("639.96ms", "`639.96ms` is not a number (a unit belongs into the header)"),
        ("\"1,000\"", "`1,000` is not a number"),
        ("0x10", "`0x10` is not a number"),
        ("NaN", "`NaN` is not a finite number"),
        ("inf", "`inf` is not a finite number"),
        ("-inf", "`-inf` is not a finite number"),
        ("1e999", "`1e999` is not a finite number"),
        ("-3", "`-3` is negative"),
        ("0", "`0` is zero"),
        ("-0.0", "`-0.0` is zero"),
        ("1e200", "`1e200` is too large or too small"),
        ("1e-200", "`1e-200` is too large or too small"),
        ("\u{1b}[2J", "`\\u{1b}[2J` is not a number"),
    ] {
        refused(format!("a (ms),b (ms)\n1,2\n3,{value}\n"), &format!("line 3, column `b (ms)`: {message}"));
    }
    // The first of several is the one that is named.
    refused("a,b\n1,0\n3,x\n", "line 2, column `b`: `0` is zero");
    refused("a,b\n1,2\n0,3\n4,x\n", "line 3, column `a`: `0` is zero");
    let long = "x".repeat(5_000);
    refused(format!("a,b\n1,{long}\n"), &format!("`{}…` is not", "x".repeat(40)));
}

#[test]
fn bytes_that_are_no_text_are_refused_by_line() {
    refused(b"a,\xff\n1,2\n", "line 1: not UTF-8");
    refused(b"a,b\n1,2\n3,\xff\n", "line 3: not UTF-8");
    // UTF-16, as spreadsheets write it.
    refused(b"\xff\xfea\0,\0b\0\n\0", "line 1: not UTF-8");
}

#[test]
fn lines_that_never_end_are_refused_before_they_fill_the_memory() {
    let error = Measurements::read(io::repeat(0).take(8 << 20), &[]).unwrap_err().to_string();
    assert!(error.contains("a line is longer than 1 MiB"), "{error}");
    let error =
        Measurements::read("a,b\n1,".as_bytes().chain(io::repeat(b'7').take(8 << 20)), &[]).unwrap_err();
    assert!(error.to_string().contains("a line is longer"), "{error}");
}

fn with_ended_lines(text: &str) -> io::Result<String> {
    io::read_to_string(lines::Lines::new(text.as_bytes()))
}

#[test]
fn every_line_ends_with_one_line_feed() {
    for (text, expected) in [
        ("", ""),
        ("a", "a\n"),
        ("a\n", "a\n"),
        ("a\r\nb\r", "a\nb\n"),
        ("a\n\nb", "a\n\nb\n"),
        ("\r\r\n", "\n\n"),
    ] {
        assert_eq!(with_ended_lines(text).unwrap(), expected, "{text:?}");
    }
}

#[test]
fn line_may_be_a_mebibyte_long_and_no_longer() {
    let long = "x".repeat(1 << 20);
    let kind = |text: String| with_ended_lines(&text).map(|text| text.len()).map_err(|error| error.kind());
    assert_eq!(kind(format!("abc\nabc\n{long}\n{long}")), Ok(8 + 2 * (long.len() + 1)));
    assert_eq!(kind(format!("abc\nabc\n{long}\n{long}x")), Err(io::ErrorKind::InvalidData));
}

#[test]
fn more_numbers_than_fit_are_refused_by_name() {
    let text = "a,b\n".to_owned() + &"1,2\n".repeat(6);
    assert!(Measurements::read_at_most(&mut text.as_bytes(), &[], 12).is_ok());
    let error = Measurements::read_at_most(&mut text.as_bytes(), &[], 11).unwrap_err().to_string();
    assert!(error.contains("more than 11 numbers"), "{error}");
}

#[test]
fn what_spreadsheets_write_is_read() {
    let table = read("\u{feff}run,\"single (ms)\", multi (ms)\r\n1,\"1.5\", 2e0 \r\n2,+1.25,.5\r\n").unwrap();
    assert_eq!(table.order, RunOrder::ByColumn { header: "run".into() });
    assert_eq!(values(&table), [[1.5e6, 1.25e6], [2e6, 0.5e6]]);
    let broken = read("\"single\n(ms)\",\"a\u{1b}b\"\n1,2\n").unwrap();
    assert_eq!((&*broken.columns[0].name, &broken.columns[0].unit), ("single", &Unit::Time));
    assert_eq!(broken.columns[1].name, "a b");
    // Without an end of the last line.
    assert_eq!(values(&read("a,b\n1,2").unwrap()), [[1.0], [2.0]]);
}

#[test]
fn lines_are_counted_whatever_ends_them() {
    for end in ["\n", "\r\n", "\r"] {
        refused(["a,b", "1,2", "", "", "5,x"].join(end), "line 5, column `b`: `x`");
        refused(["a,b", "1,2", "", "", "5,x", ""].join(end), "line 5, column `b`: `x`");
        refused(["a,b", "\"1", "\",2", "3,x"].join(end), "line 4, column `b`: `x`");
        refused(["", "a,b", "1,\"y", "z\""].join(end), "line 3, column `b`: `y\\nz`");
    }
    refused("\r\n\r\na\r\n", "names 1 column");
    refused("a,b\r\n", "no run below");
}

/// A byte at a time: each end of a line falls between two reads.
struct Slowly<'a>(&'a [u8]);

impl Read for Slowly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(&mut buffer[..1])
    }
}

#[test]
fn lines_that_end_between_two_reads_are_the_same() {
    let text = "run,a,b\r\n2,1,2\r\n\r\n1,3,4";
    assert_eq!(Measurements::read(Slowly(text.as_bytes()), &[]).unwrap(), read(text).unwrap());
    let error = Measurements::read(Slowly(b"a,b\r\n1,2\r\n3,x\r\n"), &[]).unwrap_err().to_string();
    assert!(error.starts_with("line 3, "), "{error}");
}

#[test]
fn quote_that_never_closes_is_refused() {
    refused("a,b\n1,\"2\n3,4\n", "line 2, column `b`: `2\\n3,4` is not a number");
}

proptest::proptest! {
    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(proptest::sample::select(&b"run,a(ms)\n\r\"1.9e-+0 ;_\xff"[..]), 0..80)) {
        if let Ok(table) = Measurements::read(&*bytes, &[]) {
            let runs = table.columns[0].values.len();
            proptest::prop_assert!(table.columns.len() > 1 && runs > 0);
            for column in &table.columns {
                proptest::prop_assert_eq!(column.values.len(), runs);
                proptest::prop_assert!(crate::check(&column.values).is_ok());
            }
        }
    }
}
