//! The filter's configuration: JSON in, edits or every problem out.

use std::fmt;

use crate::edit::Edits;
use crate::json::Json;
use crate::name::{self, Side};

/// The header that the filter adds when its configuration says nothing.
pub const DEMO_HEADER: &str = "resp-header-demo";
/// The value that goes with [`DEMO_HEADER`], and with the `header` shorthand.
pub const DEMO_VALUE: &str = "added by our filter";

// Envoy hands a google.protobuf.Struct over in its binary form, not as JSON.
const NOT_JSON_FIX: &str = "write a JSON object, as a google.protobuf.StringValue";

const KEYS: [&str; 3] = ["request", "response", "header"];
const EDITS: [&str; 3] = ["remove", "replace", "add"];

/// A valid configuration.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Edits of the request's headers.
    pub request: Edits,
    /// Edits of the response's headers.
    pub response: Edits,
}

impl Config {
    /// What the filter does when it is told nothing.
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

/// One thing wrong with a configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, as `request.add.x-a`, or `configuration` for the whole.
    place: String,
    what: String,
    fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}: {}; {}", self.place, self.what, self.fix);
        // A problem is one line of the proxy's log, whatever the key or the value that it quotes.
        formatter.write_str(&text.replace(char::is_control, "?"))
    }
}

/// Reads a configuration. Nothing (no bytes, blanks, or `{}`) means the demo header.
///
/// # Errors
///
/// Every problem found, in the order of the text; never an empty list.
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

/// Walks a configuration and gathers what is wrong with it.
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
        // After the loop: `response` replaces the whole side, wherever it stands.
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

    /// The entries of an object; a key's second value is reported and dropped.
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
        let problems = parse(text.as_bytes()).expect_err("the configuration is bad");
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn silence_means_the_demo_header() {
        let demo = Config {
            request: Edits::default(),
            response: Edits { add: vec![pair(DEMO_HEADER, DEMO_VALUE)], ..Edits::default() },
        };
        for text in ["", " \n", "{}"] {
            assert_eq!(parse(text.as_bytes()).as_ref(), Ok(&demo), "{text:?}");
        }
    }

    #[test]
    fn a_side_that_is_there_turns_the_demo_off() {
        assert_eq!(parse(br#"{"request": {}}"#), Ok(Config::default()));
    }

    #[test]
    fn every_setting_is_read() {
        let text = br#"{
            "request": {"remove": ["x-a"], "replace": {"x-b": "v", ":path": "/new"}, "add": {"x-c": "w"}},
            "response": {"remove": ["server"], "replace": {":status": "503"}, "add": {"x-d": ""}}
        }"#;
        let config = parse(text).expect("the configuration is good");
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
    fn the_shorthand_adds_to_the_response_wherever_it_stands() {
        for text in [
            r#"{"header": "x-demo", "response": {"add": {"x-a": "1"}}}"#,
            r#"{"response": {"add": {"x-a": "1"}}, "header": "x-demo"}"#,
        ] {
            let config = parse(text.as_bytes()).expect("the configuration is good");
            assert_eq!(config.response.add, [pair("x-a", "1"), pair("x-demo", DEMO_VALUE)]);
        }
    }

    #[test]
    fn all_problems_are_told_in_order() {
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
    fn a_wrong_type_names_what_is_there() {
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
    fn a_key_given_twice_is_refused() {
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
    fn what_is_not_json_is_placed_by_line_and_column() {
        assert_eq!(
            problems("{\n  \"header\" \"x\"\n}"),
            [
                "configuration: not JSON: expected `:` at line 2 column 12; write a JSON object, as a google.protobuf.StringValue"
            ]
        );
        assert_eq!(parse(b"\xff").map_err(|problems| problems.len()), Err(1));
    }
}
