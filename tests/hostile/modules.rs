//! Modules that the embedded host does not support although Envoy may, and modules that fail to start.

use super::Case;
use super::guest::Guest;

const UNSUPPORTED: &[&str] = &["MC0611"];

fn filter(memory: &str, more: &str) -> String {
    format!(
        r#"(module {more} {memory} (func (export "proxy_abi_version_0_2_1"))
        (func (export "malloc") (param i32) (result i32) (i32.const 1024))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0)))"#
    )
}

/// A custom section of the given size.
fn padding(size: usize) -> Vec<u8> {
    let length = u32::try_from(size + 2).expect("less than 4 GiB");
    let leb = (0..5).map(|at| (length >> (7 * at)) as u8 & 0x7f | if at < 4 { 0x80 } else { 0 });
    let mut section = vec![0];
    section.extend(leb);
    section.extend([1, b'x']);
    section.resize(section.len() + size, 0);
    section
}

pub(super) fn cases() -> Vec<Case> {
    let memory = "(memory (export \"memory\") 1)";
    let padded = |size: usize| {
        let mut bytes = wat::parse_str(filter(memory, "")).expect("a module");
        bytes.extend(padding(size));
        bytes
    };
    let time = "(import \"wasi_snapshot_preview1\" \"clock_time_get\" (func $now (param i32 i64 i32) (result i32)))";
    // Starts at the default time of a test, and traps at a later one.
    let late = |callback: &str| {
        let late = "(drop (call $now (i32.const 0) (i64.const 0) (i32.const 8))) \
            (if (i64.gt_u (i64.load (i32.const 8)) (i64.const 1800000000000000000)) (then unreachable))";
        filter(memory, &format!("{time} (func (export \"{callback}\") {late})"))
    };
    let later = "time = \"2030-01-01T00:00:00Z\"";
    vec![
        Case::new("modules/exceptions", filter(memory, "(tag $t) (func (throw $t))"), UNSUPPORTED),
        Case::new("modules/garbage collection", filter(memory, "(type (struct (field i32)))"), UNSUPPORTED),
        Case::new(
            "modules/function references",
            filter(memory, "(type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0)))"),
            UNSUPPORTED,
        ),
        Case::new(
            "modules/threads",
            filter("(memory (export \"memory\") 1 2 shared)", "(func (drop (i32.atomic.load (i32.const 0))))"),
            UNSUPPORTED,
        ),
        Case::new("modules/memory64", filter("(memory (export \"memory\") i64 1)", ""), UNSUPPORTED),
        Case::of_bytes("modules/65 MiB", padded(65 << 20), UNSUPPORTED).alone(),
        Case::of_bytes("modules/63 MiB", padded(63 << 20), &[]).alone(),
        Case::new(
            "modules/results of another type",
            filter(memory, "(func (export \"proxy_on_configure\") (param i32 i32) (result i64) (i64.const 1))"),
            &["MC0308"],
        ),
        Case::new(
            "modules/two results",
            filter(
                memory,
                "(func (export \"proxy_on_configure\") (param i32 i32) (result i32 i32) (i32.const 1) (i32.const 1))",
            ),
            &["MC0308"],
        ),
        Case::new(
            "modules/a start function that traps",
            filter(memory, "(func $s unreachable) (start $s)"),
            &["MC0601"],
        ),
        Case::new("modules/data beyond the memory", filter(memory, "(data (i32.const 65536) \"x\")"), &["MC0311"]),
        Case::new(
            "modules/elements beyond the table",
            filter(memory, "(table 1 funcref) (func $f) (elem (i32.const 1) $f)"),
            &["MC0311"],
        ),
        Case::new("modules/no memory", filter("", ""), &["MC03"]),
        Case::new("modules/an imported memory", filter("", "(import \"env\" \"memory\" (memory 1))"), &[]),
        Case::new(
            "modules/an imported memory of 4 GiB",
            filter("", "(import \"env\" \"memory\" (memory 65536))"),
            &["MC0314"],
        ),
        Case::new(
            "modules/an imported table of 10 million",
            filter(memory, "(import \"env\" \"t\" (table 10000000 funcref))"),
            &["MC0606"],
        ),
        Case::new("modules/_initialize that traps only in the test", late("_initialize"), &["MC0601"]).with_test(later),
        Case::new("modules/_start that traps only in the test", late("_start"), &["MC0601"]).with_test(later),
        Case::new(
            "modules/a wait of a year",
            Guest::default()
                .on("proxy_on_vm_start", "(drop (call $proxy_set_tick_period_milliseconds (i32.const 1)))")
                .text(),
            &["MC0605"],
        )
        .with_test("steps = [{ after = \"8760h\", request = { path = \"/\" } }]"),
    ]
}
