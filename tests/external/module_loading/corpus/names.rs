//! Custom sections that the host reads (`name`, `precompiled_…`, `signature`), and those that V8 reads.

use crate::module_loading::case::{Case, Text, assemble, custom, least, leb, section, sections};

pub(crate) fn cases() -> Vec<Case> {
    [name_sections(), places(), numbers(), broken_custom_sections(), precompiled(), known_to_v8()].concat()
}

/// A subsection of the name section.
fn subsection(kind: u8, content: &[u8]) -> Vec<u8> {
    section(kind, content)
}

/// A name map: the number of names, then each index with its name.
fn map(names: &[(usize, &str)]) -> Vec<u8> {
    let entries = names.iter().flat_map(|(index, name)| [leb(*index), leb(name.len()), name.as_bytes().to_vec()]);
    [leb(names.len()), entries.flatten().collect()].concat()
}

fn appended(name: &str, sections: &[Vec<u8>]) -> Case {
    Case::new(format!("custom/{name}"), [least(), sections.concat()].concat())
}

fn named(name: &str, content: &[u8]) -> Case {
    appended(&format!("name section, {name}"), &[custom("name", content)])
}

fn name_sections() -> Vec<Case> {
    let whole = map(&[(0, "first"), (1, "_ZN4core3fmt5Write9write_fmtE"), (7, "beyond")]);
    let module = subsection(0, &[&[1][..], b"m"].concat());
    let functions = subsection(1, &whole);
    let sized = |size: usize| [&[1][..], &leb(size), &whole].concat();
    vec![
        named("empty", &[]),
        named("functions", &functions),
        named("module and functions", &[module.clone(), functions.clone()].concat()),
        named("functions, then module", &[functions.clone(), module.clone()].concat()),
        named("functions twice", &[functions.clone(), functions.clone()].concat()),
        named("no functions", &subsection(1, &[0])),
        named("the same function twice", &subsection(1, &map(&[(0, "a"), (0, "b")]))),
        named("functions out of order", &subsection(1, &map(&[(1, "a"), (0, "b")]))),
        named("an empty function name", &subsection(1, &map(&[(0, "")]))),
        named("a function name that is not UTF-8", &subsection(1, &[1, 0, 2, 0xff, 0xfe])),
        named("functions empty", &subsection(1, &[])),
        named("functions one byte too short", &sized(whole.len() - 1)),
        named("functions one byte too long", &sized(whole.len() + 1)),
        named("functions far too long", &sized(1_000_000)),
        named("functions one byte too long, and one byte appended", &[sized(whole.len() + 1), vec![0]].concat()),
        named("functions too short, the rest a subsection", &subsection_cut()),
        named("more functions counted than there are", &subsection(1, &[9, 0, 1, b'f'])),
        named("fewer functions counted than there are", &subsection(1, &[1, 0, 1, b'f', 1, 1, b'g'])),
        named("a count beyond the section", &subsection(1, &[0x80, 0x80, 0x04, 0, 1, b'f'])),
        named("a name beyond the subsection", &[subsection(1, &[1, 0, 3, b'f']), module.clone()].concat()),
        named("a name beyond the section", &subsection(1, &[1, 0, 99, b'f'])),
        named("an index that does not end", &subsection(1, &[1, 0x80])),
        named("a lone subsection id", &[1]),
        named("a lone other subsection id", &[2]),
        named("trailing byte", &[functions.clone(), vec![0]].concat()),
        named("trailing empty subsection", &[functions.clone(), vec![0, 0]].concat()),
        named("trailing nonsense", &[functions.clone(), vec![0xff; 5]].concat()),
        named("an unknown subsection", &subsection(0x7f, &[0xff; 9])),
        named("an unknown subsection too long", &[0x7f, 9, 0xff]),
        named("module name broken", &subsection(0, &[9, b'm'])),
        named("local names broken", &subsection(2, &[0xff; 3])),
        named("local names too long", &[2, 0x20, 1]),
        named(
            "globals and data segments",
            &[subsection(7, &map(&[(0, "g")])), subsection(9, &map(&[(0, "d")]))].concat(),
        ),
    ]
}

/// A function subsection that ends in the middle of its map. The rest of the map could be subsections.
fn subsection_cut() -> Vec<u8> {
    [&[1, 4][..], &[2, 0, 1, b'f'], &[2, 1, b'g']].concat()
}

/// Name sections at other positions, and several of them.
fn places() -> Vec<Case> {
    let good = custom("name", &subsection(1, &map(&[(0, "f")])));
    let bad = custom("name", &[1, 99, 0]);
    let first = |section: &[u8]| {
        let least = least();
        [&least[..8], section, &least[8..]].concat()
    };
    let unmarked = Text::default().marker("").bytes();
    let missing = Text::default().imports(r#"(import "env" "x" (func))"#).bytes();
    vec![
        Case::new("custom/name section first", first(&good)),
        Case::new("custom/name section first, broken", first(&bad)),
        appended("name section twice", &[good.clone(), good.clone()]),
        appended("name section twice, the first invalid", &[bad.clone(), good.clone()]),
        appended("name section twice, the second invalid", &[good.clone(), bad.clone()]),
        appended("Name section, invalid, capitalized", &[custom("Name", &[1, 99, 0])]),
        Case::new("custom/name section invalid, and no marker", [unmarked.clone(), bad.clone()].concat()),
        Case::new(
            "custom/a section's name too long, and no marker",
            [unmarked.clone(), section(0, &[2, b'x'])].concat(),
        ),
        Case::new("custom/a cut section, and no marker", [unmarked.clone(), vec![0, 9, 1]].concat()),
        Case::new("custom/name section invalid, and a missing import", [missing, bad.clone()].concat()),
        appended("name section invalid, then a truncated section", &[bad.clone(), vec![0, 99, 1]]),
        appended("name section, then a truncated section", &[good, vec![0, 99, 1]]),
    ]
}

/// LEB128 numbers that are longer than necessary or too large, at each position.
fn numbers() -> Vec<Case> {
    let overlong: [(&str, &[u8]); 7] = [
        ("two bytes", &[0x81, 0]),
        ("five bytes", &[0x81, 0x80, 0x80, 0x80, 0]),
        ("six bytes", &[0x81, 0x80, 0x80, 0x80, 0x80, 0]),
        ("the 31st bit", &[0x81, 0x80, 0x80, 0x80, 4]),
        ("the 30th bit", &[0x81, 0x80, 0x80, 0x80, 3]),
        ("the 32nd bit", &[0x81, 0x80, 0x80, 0x80, 8]),
        ("beyond 32 bits", &[0x81, 0x80, 0x80, 0x80, 0x10]),
    ];
    let mut cases = Vec::new();
    for (name, one) in overlong {
        // A custom section of one byte, with an empty name.
        cases.push(appended(&format!("a section's size, {name}"), &[[&[0], one, &[0]].concat()]));
        let content = [one, b"x"].concat();
        cases.push(appended(&format!("a section's name's length, {name}"), &[section(0, &content)]));
        let functions = [one, &[0, 1, b'f']].concat();
        cases.push(named(&format!("the count of functions, {name}"), &subsection(1, &functions)));
        let index = [&[1], one, &[1, b'f']].concat();
        cases.push(named(&format!("a function's index, {name}"), &subsection(1, &index)));
        let length = [&[1, 0], one, b"f"].concat();
        cases.push(named(&format!("a function's name's length, {name}"), &subsection(1, &length)));
        cases.push(named(&format!("a subsection's size, {name}"), &[&[2], one, &[0]].concat()));
    }
    cases
}

fn broken_custom_sections() -> Vec<Case> {
    let good = custom("name", &subsection(1, &map(&[(0, "f")])));
    vec![
        appended("no name at all", &[section(0, &[])]),
        appended("empty name", &[custom("", b"x")]),
        appended("name one byte too long, last section", &[section(0, &[2, b'x'])]),
        appended("name one byte too long, then another section", &[section(0, &[2, b'x']), custom("b", b"")]),
        appended(
            "name one byte too long, a name section before",
            &[good.clone(), section(0, &[2, b'x']), custom("b", b"")],
        ),
        appended("name beyond the file, a name section before", &[good.clone(), section(0, &[99, b'x'])]),
        appended("no name at all, a name section before", &[good.clone(), section(0, &[])]),
        appended(
            "no name at all, a name section before, one after",
            &[good.clone(), section(0, &[]), custom("b", b"")],
        ),
        appended("an unterminated length, a name section before", &[good, section(0, &[0x80]), custom("b", b"")]),
        appended("a name that is not UTF-8", &[section(0, &[2, 0xff, 0xfe, 1])]),
        appended("a name that is not UTF-8, and longer", &[section(0, &[4, b'a', 0xc3, 0x28, b'b'])]),
        appended("section one byte too long", &[vec![0, 4, 1, b'x', 0]]),
        appended("a lone section id", &[vec![0]]),
        appended("producers, invalid", &[custom("producers", &[9, 9, 9])]),
        appended("target_features", &[custom("target_features", &[1, b'+', 4, b's', b'i', b'm', b'd'])]),
        appended("signature", &[custom("signature", b"\x01\x01\x01\x00")]),
        appended("signature, empty", &[custom("signature", b"")]),
        appended(".debug_info", &[custom(".debug_info", &[0xff; 40])]),
        appended("dylink.0, broken", &[custom("dylink.0", &[0xff; 4])]),
        appended("twenty of one name", &vec![custom("x", b"y"); 20]),
    ]
}

/// V8 receives no custom sections from the first one named `precompiled_…` on.
fn precompiled() -> Vec<Case> {
    let native = custom("precompiled_wee8_v14.4.258.16_linux_x86_64", b"native");
    let other = custom("precompiled_other", b"native");
    let broken = custom("name", &[1, 99, 0]);
    let name = custom("name", &subsection(1, &map(&[(0, "f")])));
    let empty = section(0, &[]);
    let least = least();
    let first = [&least[..8], &other, &least[8..]].concat();
    let not_utf8 = section(0, &[2, 0xff, 0xfe, 1]);
    let beyond = section(0, &[2, b'x']);
    let inside = section(0, &[12, b'p', b'r', b'e', b'c', b'o', b'm', b'p', b'i', b'l', b'e', b'd', b'_']);
    vec![
        appended("precompiled_wee8", std::slice::from_ref(&native)),
        appended("precompiled_wee8, and a name section", &[native.clone(), name.clone()]),
        appended("precompiled_other", std::slice::from_ref(&other)),
        Case::new("custom/precompiled_other first", first),
        appended("precompiled_ only", &[custom("precompiled_", b"")]),
        appended("xprecompiled_x", &[custom("xprecompiled_x", b"")]),
        appended("precompiled without the underscore", &[custom("precompiled", b"")]),
        appended("precompiled_other, and a broken name section", &[other.clone(), broken]),
        appended("precompiled_other, followed by a name that is not UTF-8", &[other.clone(), not_utf8.clone()]),
        appended("precompiled_other, before it a name that is not UTF-8", &[not_utf8, other.clone()]),
        appended(
            "precompiled_other, followed by a name too long",
            &[name.clone(), other.clone(), beyond.clone(), custom("b", b"")],
        ),
        appended(
            "precompiled_other, before it a name too long",
            &[name.clone(), beyond, other.clone(), custom("b", b"")],
        ),
        appended(
            "precompiled_other, followed by no name",
            &[name.clone(), other.clone(), empty.clone(), custom("b", b"")],
        ),
        appended("precompiled_other, followed by no name, last", &[name.clone(), other.clone(), empty]),
        appended("precompiled_other, followed by an unknown section", &[other.clone(), section(0x20, &[1])]),
        appended("precompiled_other, followed by another export section", &[other.clone(), section(7, &[0])]),
        appended("precompiled_other twice", &[other.clone(), other]),
        appended("precompiled_ in a name that is cut", &[name, vec![0, 5], inside[2..].to_vec()]),
    ]
}

/// Sections that V8 parses.
fn known_to_v8() -> Vec<Case> {
    let names = [
        "sourceMappingURL",
        "external_debug_info",
        "compilationHints",
        "build_id",
        "metadata.code.branch_hint",
        "metadata.code.trace_inst",
        "metadata.code.compilation_priority",
        "metadata.code.instr_freq",
        "metadata.code.call_targets",
        "descriptors",
    ];
    let mut cases = Vec::new();
    for name in names {
        for (what, content) in [("nonsense", &[0xff; 12][..]), ("plausible", &[1, 0, 1, 0, 1, 1])] {
            // Before the code section, where the metadata of the code must be.
            let mut sections = sections(&least());
            let code = sections.iter().position(|section| section[0] == 10).expect("a code section");
            sections.insert(code, custom(name, content));
            cases.push(Case::new(format!("custom/{name}, {what}"), assemble(&sections)));
        }
    }
    cases
}
