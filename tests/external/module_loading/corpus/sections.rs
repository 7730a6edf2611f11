//! Truncated files, files with another header, and invalid sections.

use crate::module_loading::case::{Case, Text, assemble, custom, least, replaced, section, sections};

pub(crate) fn cases() -> Vec<Case> {
    [headers(), truncated(), orders(), unknown(), exports(), bodies()].concat()
}

/// A module with one section of every standard kind, and a name section.
fn rich() -> Vec<u8> {
    let rest = r#"(table 1 funcref) (global (mut i32) (i32.const 7)) (tag (param i32)) (start $nothing) (func $nothing)
        (elem (i32.const 0) func 1) (elem declare func 0)
        (data (i32.const 8) "eight") (data "passive") (func (memory.init 1 (i32.const 0) (i32.const 0) (i32.const 1)))"#;
    Text::default().imports(r#"(import "env" "proxy_done" (func (result i32)))"#).rest(rest).bytes()
}

fn headers() -> Vec<Case> {
    let least = least();
    let with = |from: &[u8], to: &[u8]| replaced(&least, from, to);
    let header = [0, b'a', b's', b'm', 1, 0, 0, 0];
    let mut cases: Vec<Case> =
        (0..8).map(|length| Case::new(format!("file/{length} bytes of a header"), header[..length].to_vec())).collect();
    cases.extend((1..8).map(|length| Case::new(format!("file/{length} bytes of nonsense"), vec![b'x'; length])));
    cases.extend([
        Case::new("file/eight bytes of nonsense", vec![b'x'; 8]),
        Case::new("file/only a header", header.to_vec()),
        Case::new("file/another magic", with(b"\0asm", b"\0ASM")),
        Case::new("file/version 0", with(b"m\x01\0\0\0", b"m\0\0\0\0")),
        Case::new("file/version 2", with(b"m\x01\0\0\0", b"m\x02\0\0\0")),
        Case::new("file/version 0x0100_0001", with(b"m\x01\0\0\0", b"m\x01\0\0\x01")),
        Case::new("file/the header of a component", with(b"m\x01\0\0\0", b"m\x0d\0\x01\0")),
        Case::new("file/a component", wat::parse_str("(component)").expect("a component")),
        Case::new("file/text", b"(module (func (export \"proxy_abi_version_0_2_1\")))".to_vec()),
        Case::new("file/an ELF file", [b"\x7fELF".as_slice(), &[2; 60]].concat()),
        Case::new("file/a gzip file", [b"\x1f\x8b\x08".as_slice(), &[0; 40]].concat()),
        Case::new("file/a byte order mark", [b"\xef\xbb\xbf".as_slice(), &least].concat()),
        Case::new("file/a byte before", [b"\n".as_slice(), &least].concat()),
        Case::new("file/a NUL appended", [least.as_slice(), b"\0"].concat()),
        Case::new("file/a line break appended", [least.as_slice(), b"\n"].concat()),
        Case::new("file/two modules", [least.as_slice(), &least].concat()),
        Case::new("file/zeros appended", [least.as_slice(), &[0; 512]].concat()),
    ]);
    cases
}

fn truncated() -> Vec<Case> {
    let rich = rich();
    let mut cases: Vec<Case> = (8..rich.len())
        .step_by(3)
        .map(|length| Case::new(format!("truncated/at {length}"), rich[..length].to_vec()))
        .collect();
    // At the start of a section, the file is valid without it.
    let mut length = 8;
    for section in sections(&rich) {
        length += section.len();
        let kind = section[0];
        cases.push(Case::new(format!("truncated/after section {kind} at {length}"), rich[..length].to_vec()));
    }
    cases
}

fn orders() -> Vec<Case> {
    let rich = sections(&rich());
    let mut cases = Vec::new();
    for number in 0..rich.len() {
        let kind = rich[number][0];
        let mut doubled = rich.clone();
        doubled.insert(number, rich[number].clone());
        cases.push(Case::new(format!("order/section {kind} (number {number}) twice"), assemble(&doubled)));
        let mut without = rich.clone();
        without.remove(number);
        cases.push(Case::new(format!("order/section {kind} (number {number}) missing"), assemble(&without)));
        if number + 1 < rich.len() {
            let mut swapped = rich.clone();
            swapped.swap(number, number + 1);
            cases.push(Case::new(
                format!("order/section {kind} (number {number}) and the next swapped"),
                assemble(&swapped),
            ));
        }
    }
    let spread = rich.iter().flat_map(|section| [section.clone(), custom("between", b"x")]);
    cases.push(Case::new("order/a custom section between any two", assemble(&spread.collect::<Vec<_>>())));
    cases.push(Case::new("order/valid", assemble(&rich)));
    let mut backwards = rich.clone();
    backwards.reverse();
    cases.push(Case::new("order/backwards", assemble(&backwards)));
    cases
}

fn unknown() -> Vec<Case> {
    let least = least();
    let mut cases = Vec::new();
    for kind in [14, 15, 32, 64, 127, 128, 255] {
        for (what, content) in [("empty", &[][..]), ("with content", &[0, 0, 0])] {
            let appended = [least.as_slice(), &section(kind, content)].concat();
            cases.push(Case::new(format!("section/unknown {kind}, {what}"), appended));
        }
    }
    for kind in 1..=13_u8 {
        let appended = [least.as_slice(), &section(kind, &[0])].concat();
        cases.push(Case::new(format!("section/{kind} empty at the end"), appended));
        let cut = [least.as_slice(), &[kind, 5, 0]].concat();
        cases.push(Case::new(format!("section/{kind} cut at the end"), cut));
    }
    // One byte more and one byte less in every section.
    for (number, own) in sections(&least).iter().enumerate() {
        let content = &own[2..];
        let changed = |content: &[u8]| {
            let mut all = sections(&least);
            all[number] = section(own[0], content);
            assemble(&all)
        };
        let kind = own[0];
        cases.push(Case::new(format!("section/{kind} with one more byte"), changed(&[content, &[0]].concat())));
        cases.push(Case::new(format!("section/{kind} without its last byte"), changed(&content[..content.len() - 1])));
        cases.push(Case::new(format!("section/{kind} with one counted too many"), changed(&counted(content, 1))));
        cases.push(Case::new(format!("section/{kind} with one counted too few"), changed(&counted(content, -1))));
        cases.push(Case::new(format!("section/{kind} with nothing"), changed(&[])));
    }
    cases
}

fn counted(content: &[u8], more: i8) -> Vec<u8> {
    [&[content[0].wrapping_add_signed(more)], &content[1..]].concat()
}

/// The host parses the export section itself.
fn exports() -> Vec<Case> {
    const MARKER: &[u8] = b"\x17proxy_abi_version_0_2_1";
    let all = sections(&least());
    let own = all.iter().position(|section| section[0] == 7).expect("an export section");
    let with = |name: &str, content: &[u8]| {
        let mut all = all.clone();
        all[own] = section(7, content);
        Case::new(format!("exports/{name}"), assemble(&all))
    };
    let export = |name: &[u8], kind: &[u8]| [name, kind].concat();
    let memory = b"\x06memory\x02\x00".to_vec();
    let malloc = b"\x06malloc\x00\x01".to_vec();
    let marker = export(MARKER, &[0, 0]);
    let list = |count: &[u8], items: &[&[u8]]| [count, &items.concat()].concat();
    let mut cases = vec![
        with("as they should be", &list(&[3], &[&memory, &marker, &malloc])),
        with("the count far too large, a marker first", &list(&[0x7f], &[&marker, &malloc, &memory])),
        with("the count larger than the section, a marker first", &list(&[0xff, 1], &[&marker, &malloc, &memory])),
        with("the count of five bytes", &list(&[0x83, 0x80, 0x80, 0x80, 0], &[&memory, &marker, &malloc])),
        with("the count of six bytes", &list(&[0x83, 0x80, 0x80, 0x80, 0x80, 0], &[&memory, &marker, &malloc])),
        with("an unknown kind before the marker", &list(&[4], &[b"\x01x\x09\x00", &memory, &marker, &malloc])),
        with("an unknown kind after the marker", &list(&[4], &[&memory, &marker, &malloc, b"\x01x\x09\x00"])),
        with("an index beyond the functions", &list(&[3], &[&memory, &export(MARKER, &[0, 99]), &malloc])),
        with(
            "an index of five bytes",
            &list(&[3], &[&memory, &export(MARKER, &[0, 0x80, 0x80, 0x80, 0x80, 0]), &malloc]),
        ),
        with(
            "an index of 32 bits before the marker",
            &list(&[3], &[b"\x06memory\x02\x80\x80\x80\x80\x08", &marker, &malloc]),
        ),
        with(
            "a name that is not UTF-8 before the marker",
            &list(&[4], &[b"\x02\xff\xfe\x00\x00", &memory, &marker, &malloc]),
        ),
        with(
            "a name that is not UTF-8 after the marker",
            &list(&[4], &[&memory, &marker, &malloc, b"\x02\xff\xfe\x00\x00"]),
        ),
        with("a name beyond the section", &list(&[4], &[&memory, &malloc, b"\x7fx\x00\x00", &marker])),
        with("the marker's kind beyond the section", &list(&[3], &[&memory, &malloc, MARKER])),
        with("the marker's index beyond the section", &list(&[3], &[&memory, &malloc, MARKER, &[0]])),
        with("another's kind beyond the section", &list(&[3], &[&malloc, &marker[..3], b"\x06memory"])),
        with("memory's index beyond the section", &list(&[3], &[b"\x06malloc\x00\x01", b"\x06memory\x02"])),
        with(
            "a second marker of another version",
            &list(&[4], &[&memory, b"\x17proxy_abi_version_0_1_0\x00\x00", &malloc, &marker]),
        ),
    ];
    let two = [all[..=own].to_vec(), vec![section(7, &[0])], all[own + 1..].to_vec()].concat();
    cases.push(Case::new("exports/a second section", assemble(&two)));
    let first_empty = [all[..own].to_vec(), vec![section(7, &[0])], all[own..].to_vec()].concat();
    cases.push(Case::new("exports/a first section without any", assemble(&first_empty)));
    let with_truncated = [assemble(&all), vec![10, 0xff, 0xff]].concat();
    cases.push(Case::new("exports/then a truncated section", with_truncated));
    cases
}

/// Invalid functions, and start functions.
fn bodies() -> Vec<Case> {
    [
        ("type mismatch", "(func (result i32) (i64.const 0))"),
        ("nothing on the stack", "(func (result i32))"),
        ("too much on the stack", "(func (i32.const 0))"),
        ("an unknown local", "(func (local.set 0 (i32.const 0)))"),
        ("an unknown function", "(func (call 99))"),
        ("an unknown global", "(func (drop (global.get 0)))"),
        ("an unknown memory", "(func (drop (i32.load 1 (i32.const 0))))"),
        ("an unknown table", "(func (drop (call_indirect (result i32) (i32.const 0))))"),
        ("an unknown label", "(func (br 1))"),
        ("an unknown type", "(func (type 99))"),
        ("an alignment too large", "(func (drop (i32.load align=8 (i32.const 0))))"),
        ("an offset of 32 bits", "(func (drop (i32.load offset=0xffffffff (i32.const 0))))"),
        ("an immutable global set", "(global i32 (i32.const 0)) (func (global.set 0 (i32.const 1)))"),
        ("unreachable code", "(func (result i32) unreachable (i64.add) drop)"),
        ("ref.func undeclared", "(func) (func (drop (ref.func 2)))"),
        ("ref.func of an exported function", "(func (drop (ref.func 0)))"),
        ("data beyond the segments", "(func (data.drop 0))"),
        ("start", "(func) (start 2)"),
        ("start with a parameter", "(func (param i32)) (start 2)"),
        ("start with a result", "(func (result i32) (i32.const 0)) (start 2)"),
        ("start beyond the functions", "(start 99)"),
        ("a global from a later one", "(global i32 (global.get 1)) (global i32 (i32.const 0))"),
        ("a global from an earlier one", "(global i32 (i32.const 0)) (global i32 (global.get 0))"),
        ("a global from a mutable one", "(global (mut i32) (i32.const 0)) (global i32 (global.get 0))"),
        ("a global of another type", "(global i32 (i64.const 0))"),
        ("a global from a call", "(global i32 (call 1 (i32.const 0)))"),
    ]
    .map(|(name, rest)| Text::default().rest(rest).case(format!("body/{name}")))
    .to_vec()
}
