//! Parses the filter's configuration: JSON in, edits or a list of all problems out.

use std::fmt;

use crate::edit::Edits;
use crate::json::Json;
use crate::name::{self, Side};

/// The header that the filter adds when its configuration is empty.
pub const DEMO_HEADER: &str = "resp-header-demo";
/// The value of [`DEMO_HEADER`] and of the header that the `header` shorthand names.
pub const DEMO_VALUE: &str = "added by our filter";

// Envoy passes a google.protobuf.Struct in its binary encoding, not as JSON.
const NOT_JSON_FIX: &str = "write a JSON object, as a google.protobuf.StringValue";

const KEYS: [&str; 3] = ["request", "response", "header"];
const EDITS: [&str; 3] = ["remove", "replace", "add"];

/// A valid configuration.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Edits to the request headers.
    pub request: Edits,
    /// Edits to the response headers.
    pub response: Edits,
}

impl Config {
    /// The configuration of a filter that was given none.
    fn demo() -> Self {
        let mut config = Self::default();
        config.add_demo_value(DEMO_HEADER.to_owned());
        config
    }

    fn add_demo_value(&mut self, header: String) {
        self.response.add.push((header, DEMO_VALUE.to_owned()));
    }
}

impl fmt::Display for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (side, edits) in [("request", &self.request), ("; response", &self.response)] {
            write!(
                formatter,
                "{side}: {} removed, {} replaced, {} added",
                edits.remove.len(),
                edits.replace.len(),
                edits.add.len(),
            )?;
        }
        Ok(())
    }
}

/// A problem with a configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    /// The path of the key, such as `request.add.x-a`, or `configuration` for the whole text.
    place: String,
    what: String,
    fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}: {}; {}", self.place, self.what, self.fix);
        // A problem must fit on one line of the proxy's log, even if the quoted key or value contains a line break.
        formatter.write_str(&text.replace(char::is_control, "?"))
    }
}

/// Parses a configuration. An empty one (no bytes, only spaces, or `{}`) adds the demo header.
///
/// # Errors
///
/// Returns all problems in the order of the text. The list is never empty.
pub fn parse(text: &[u8]) -> Result<Config, Vec<Problem>> {
    if text.trim_ascii().is_empty() {
        return Ok(Config::demo());
    }
    let mut reader = Reader::default();
    let json = serde_json::from_slice(text).map_err(|error| {
        reader.report("configuration", format!("not JSON: {error}"), NOT_JSON_FIX);
        std::mem::take(&mut reader.problems)
    })?;
    let config = reader.config(json);
    if reader.problems.is_empty() { Ok(config) } else { Err(reader.problems) }
}

/// Walks a configuration and collects its problems.
#[derive(Default)]
struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    fn config(&mut self, json: Json) -> Config {
        let mut config = Config::default();
        let mut header = None;
        let entries = self.object("", json);
        if entries.is_empty() {
            return Config::demo();
        }
        for (key, value) in entries {
            match key.as_str() {
                "request" => config.request = self.edits("request", Side::Request, value),
                "response" => config.response = self.edits("response", Side::Response, value),
                "header" => header = self.header(Side::Response, value),
                _ => self.unknown(&key, &KEYS),
            }
        }
        // After the loop, because `response` overwrites `config.response` regardless of the order of the keys.
        if let Some(header) = header {
            config.add_demo_value(header);
        }
        config
    }

    fn header(&mut self, side: Side, value: Json) -> Option<String> {
        let name = self.string("header", value)?;
        self.check("header", name::added_or_removed(side, &name)).then_some(name)
    }

    fn edits(&mut self, place: &str, side: Side, json: Json) -> Edits {
        let mut edits = Edits::default();
        for (key, value) in self.object(place, json) {
            let place = join(place, &key);
            match key.as_str() {
                "remove" => edits.remove = self.names(&place, side, value),
                "replace" => edits.replace = self.pairs(&place, side, name::replaced, value),
                "add" => edits.add = self.pairs(&place, side, name::added_or_removed, value),
                _ => self.unknown(&place, &EDITS),
            }
        }
        edits
    }

    fn names(&mut self, place: &str, side: Side, json: Json) -> Vec<String> {
        let Json::Array(items) = json else {
            self.mismatch(place, "an array of header names", &json);
            return Vec::new();
        };
        let mut names = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let place = format!("{place}[{index}]");
            if let Some(name) = self.string(&place, item)
                && self.check(&place, name::added_or_removed(side, &name))
            {
                names.push(name);
            }
        }
        names
    }

    fn pairs(
        &mut self,
        place: &str,
        side: Side,
        check_name: fn(Side, &str) -> name::Checked,
        json: Json,
    ) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for (header, value) in self.object(place, json) {
            let place = join(place, &header);
            let name_holds = self.check(&place, check_name(side, &header));
            if let Some(value) = self.string(&place, value)
                && name_holds
                && self.check(&place, name::value(&header, &value))
            {
                pairs.push((header, value));
            }
        }
        pairs
    }

    /// Returns the entries of an object. Reports a duplicate key and ignores its value.
    fn object(&mut self, place: &str, json: Json) -> Vec<(String, Json)> {
        let Json::Object(entries) = json else {
            let place = if place.is_empty() { "configuration" } else { place };
            self.mismatch(place, "an object", &json);
            return Vec::new();
        };
        let mut unique: Vec<(String, Json)> = Vec::new();
        for (key, value) in entries {
            if unique.iter().any(|(other, _)| *other == key) {
                self.report(&join(place, &key), "given twice".to_owned(), "keep one of them");
            } else {
                unique.push((key, value));
            }
        }
        unique
    }

    fn string(&mut self, place: &str, json: Json) -> Option<String> {
        if let Json::String(text) = json {
            return Some(text);
        }
        self.mismatch(place, "a string", &json);
        None
    }

    fn check(&mut self, place: &str, checked: name::Checked) -> bool {
        match checked {
            Ok(()) => true,
            Err((what, fix)) => {
                self.report(place, what, &fix);
                false
            }
        }
    }

    fn unknown(&mut self, place: &str, known: &[&str]) {
        self.report(place, "unknown key".to_owned(), &format!("use one of {}", known.join(", ")));
    }

    fn mismatch(&mut self, place: &str, wanted: &str, found: &Json) {
        self.report(place, format!("this is {}", found.kind()), &format!("write {wanted}"));
    }

    fn report(&mut self, place: &str, what: String, fix: &str) {
        self.problems.push(Problem { place: place.to_owned(), what, fix: fix.to_owned() });
    }
}

fn join(place: &str, key: &str) -> String {
    if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    fn problems(text: &str) -> Vec<String> {
        let problems = parse(text.as_bytes()).expect_err("the configuration is invalid");
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_empty_configuration_adds_the_demo_header() {
        let demo = Config {
            request: Edits::default(),
            response: Edits { add: vec![pair(DEMO_HEADER, DEMO_VALUE)], ..Edits::default() },
        };
        for text in ["", " \n", "{}"] {
            assert_eq!(parse(text.as_bytes()).as_ref(), Ok(&demo), "{text:?}");
        }
    }

    #[test]
    fn a_configured_side_disables_the_demo_header() {
        assert_eq!(parse(br#"{"request": {}}"#), Ok(Config::default()));
    }

    #[test]
    fn every_setting_is_parsed() {
        let text = br#"{
            "request": {"remove": ["x-a"], "replace": {"x-b": "v", ":path": "/new"}, "add": {"x-c": "w"}},
            "response": {"remove": ["server"], "replace": {":status": "503"}, "add": {"x-d": ""}}
        }"#;
        let config = parse(text).expect("the configuration is valid");
        assert_eq!(
            config,
            Config {
                request: Edits {
                    remove: vec!["x-a".to_owned()],
                    replace: vec![pair("x-b", "v"), pair(":path", "/new")],
                    add: vec![pair("x-c", "w")],
                },
                response: Edits {
                    remove: vec!["server".to_owned()],
                    replace: vec![pair(":status", "503")],
                    add: vec![pair("x-d", "")],
                },
            }
        );
        assert_eq!(
            config.to_string(),
            "request: 1 removed, 2 replaced, 1 added; response: 1 removed, 1 replaced, 1 added"
        );
    }

    #[test]
    fn the_shorthand_adds_to_the_response_regardless_of_the_order() {
        for text in [
            r#"{"header": "x-demo", "response": {"add": {"x-a": "1"}}}"#,
            r#"{"response": {"add": {"x-a": "1"}}, "header": "x-demo"}"#,
        ] {
            let config = parse(text.as_bytes()).expect("the configuration is valid");
            assert_eq!(config.response.add, [pair("x-a", "1"), pair("x-demo", DEMO_VALUE)]);
        }
    }

    #[test]
    fn all_problems_are_reported_in_order() {
        assert_eq!(
            problems(
                r#"{"requst": {}, "request": {"append": {}, "add": {"X-A": "1", "x-b": 2}},
                    "response": {"remove": "x-c"}, "header": ":status"}"#
            ),
            [
                "requst: unknown key; use one of request, response, header",
                "request.append: unknown key; use one of remove, replace, add",
                "request.add.X-A: `X-A` is not a lower-case header name; write `x-a`",
                "request.add.x-b: this is a number; write a string",
                "response.remove: this is a string; write an array of header names",
                "header: `:status` is a pseudo-header; it can only be replaced",
            ]
        );
    }

    #[test]
    fn a_type_error_names_the_actual_type() {
        for (text, place, kind) in [
            ("[]", "configuration", "an array"),
            ("null", "configuration", "null"),
            ("1.5", "configuration", "a number"),
            ("true", "configuration", "a boolean"),
            (r#"{"request": -1}"#, "request", "a number"),
        ] {
            assert_eq!(problems(text), [format!("{place}: this is {kind}; write an object")]);
        }
        assert_eq!(
            problems(r#"{"response": {"remove": ["x-a", {}]}}"#),
            ["response.remove[1]: this is an object; write a string"]
        );
    }

    #[test]
    fn a_duplicate_key_is_rejected() {
        assert_eq!(
            problems(r#"{"response": {"add": {"x-a": "1", "x-a": "2"}}, "response": {}}"#),
            ["response: given twice; keep one of them", "response.add.x-a: given twice; keep one of them",]
        );
    }

    #[test]
    fn a_problem_is_one_line() {
        assert_eq!(
            problems(r#"{"header": "x\ny"}"#),
            ["header: `x?y` is not a header name; use lower-case letters, digits and - _ . only"]
        );
    }

    #[test]
    fn a_json_syntax_error_has_a_line_and_a_column() {
        assert_eq!(
            problems("{\n  \"header\" \"x\"\n}"),
            [
                "configuration: not JSON: expected `:` at line 2 column 12; write a JSON object, as a google.protobuf.StringValue"
            ]
        );
        assert_eq!(parse(b"\xff").map_err(|problems| problems.len()), Err(1));
    }
}
