//! Every key can be set for an environment, and diagnostics point at the value that won.

use serde_json::Value as Json;

use super::super::schema::known;
use super::super::shape;
use super::*;

/// Keys that no environment can set, with the reason.
const FIXED: [(&str, &str); 2] =
    [("mesh.include", "the files are the same in every environment"), ("env", "an environment has no environments")];

/// The schema of any value.
static ANY: Json = Json::Bool(true);

/// Keys whose place no diagnostic shows.
const WITHOUT_PLACE: [&str; 2] = ["workloads.web.wasm-log-level", "defaults.workloads.wasm-log-level"];

fn resolve(schema: &'static Json) -> &'static Json {
    shape::resolve(known(), schema)
}

/// A value that the schema accepts, in TOML.
fn sample(schema: &'static Json) -> String {
    let schema = resolve(schema);
    if let Some(choices) = schema["anyOf"].as_array() {
        return sample(&choices[0]);
    }
    if let Some(choice) = schema["enum"].as_array().map(|all| &all[0]).or_else(|| schema.get("const")) {
        return choice.to_string();
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return sample(&choices[0]);
    }
    match schema["type"].as_str() {
        Some("integer") => schema["minimum"].as_i64().unwrap_or(1).max(1).to_string(),
        Some("boolean") => "true".to_owned(),
        Some("array") => format!("[{}]", sample(&schema["items"])),
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
            let mut entries: Vec<String> =
                required.map(|key| format!("{key} = {}", sample(&schema["properties"][key]))).collect();
            if let Some(of_entry) = schema.get("additionalProperties").filter(|it| **it != Json::Bool(false)) {
                entries.push(format!("any = {}", sample(of_entry)));
            }
            format!("{{ {} }}", entries.join(", "))
        }
        // A version requirement is a string as well.
        _ => "\"*\"".to_owned(),
    }
}

/// The paths and schemas of all keys of a table of the file: `mesh.istio`, `filters.demo.module`.
fn keys() -> Vec<(String, &'static Json)> {
    let properties = |schema: &'static Json| resolve(schema)["properties"].as_object().into_iter().flatten();
    let mut keys = Vec::new();
    for (section, of_section) in properties(known()) {
        let resolved = resolve(of_section);
        match (section.as_str(), resolved.get("additionalProperties")) {
            ("env" | "bindings", _) => keys.push((section.clone(), of_section)),
            ("vars", _) => keys.push(("vars.a".to_owned(), &ANY)),
            ("defaults", _) => {
                for (name, of_defaults) in properties(of_section) {
                    keys.extend(properties(of_defaults).map(|(key, it)| (format!("defaults.{name}.{key}"), it)));
                }
            }
            (_, Some(of_entry @ Json::Object(_))) => {
                let name = if section == "filters" { "demo" } else { "web" };
                keys.extend(properties(of_entry).map(|(key, it)| (format!("{section}.{name}.{key}"), it)));
            }
            _ => keys.extend(properties(of_section).map(|(key, it)| (format!("{section}.{key}"), it))),
        }
    }
    keys
}

#[test]
fn every_key_can_be_set_for_an_environment() {
    let keys = keys();
    assert!(keys.len() > 60, "{}", keys.len());
    for (path, schema) in keys {
        let value = sample(schema);
        if let Some((_, reason)) = FIXED.iter().find(|(fixed, _)| *fixed == path) {
            let (_, codes, _) = load_all(&format!("env.prod.{path} = {value}\n"));
            assert_eq!(codes[0], Code::MC0102, "{path}: {reason}");
            continue;
        }
        let module = match path.as_str() {
            "filters.demo.module" => "",
            "defaults.filters.module" => "filters.demo.slim = true\n",
            _ => "filters.demo.module = 'a.wasm'\n",
        };
        let below = format!("{module}{path} = {value}\n");
        let text = format!("{below}env.prod.{path} = {value}\n");
        let (project, codes, _) = load_all(&text);
        assert_eq!(codes, [], "{text}");
        let spec = format!("{:?}", project.unwrap().environments()[0]);
        // Some lists have no place themselves, but their elements have.
        let is_at = |start: usize| {
            let end = start + value.len();
            [(start, end), (start + 1, end - 1)].iter().any(|range| spec.contains(&format!("range: Some({range:?})")))
        };
        let (lost, won) = (below.len() - value.len() - 1, text.len() - value.len() - 1);
        // Tables merge, and keep the place of the first.
        if value.starts_with('{') || WITHOUT_PLACE.contains(&path.as_str()) {
            continue;
        }
        assert!(is_at(won), "{path} is lost: {text}");
        assert!(!is_at(lost), "{path} is not replaced: {text}");
    }
}

#[test]
fn a_wrong_value_for_an_environment_is_shown_at_its_own_line() {
    for (path, _) in keys() {
        if FIXED.iter().any(|(fixed, _)| *fixed == path) || path.starts_with("vars.") {
            continue;
        }
        let text = format!("filters.demo.module = 'a.wasm'\nenv.prod.{path} = 2026-01-01\n");
        let world = Memory::new().file("mesh.toml", text.as_str());
        let mut sink = Sink::new();
        let _ = load(&world, "mesh.toml".into(), &[], &mut sink);
        let found = sink.into_sorted(world.sources());
        let [error] = &found[..] else { panic!("{path}: {found:#?}") };
        let location = error.primary.as_ref().unwrap().location;
        assert_eq!(&text[location.bytes()], "2026-01-01", "{path}");
        assert!(error.message.contains(&format!("`env.prod.{path}`")), "{error:?}");
    }
}

#[test]
fn the_place_of_a_template_is_the_place_that_won() {
    let text = "vars.a = 1\nfilters.demo.module = 'a.wasm'\nfilters.demo.config = { x = 'below', y = 'below' }\n\
        env.prod.filters.demo.config.x = 'above'\n";
    let (project, codes, world) = load_all(text);
    assert_eq!(codes, []);
    let project = project.unwrap();
    let config = project.environments()[0].filters["demo"].config.as_ref().unwrap();
    let written =
        |key: &str| world.sources().get(config[key].location().file).text[config[key].location().bytes()].to_owned();
    assert_eq!((written("x").as_str(), written("y").as_str()), ("'above'", "'below'"));
}

/// All environments.
fn load_all(text: &str) -> (Option<Project>, Vec<Code>, Memory) {
    let world = Memory::new().file("mesh.toml", text);
    let mut sink = Sink::new();
    let project = load(&world, "mesh.toml".into(), &[], &mut sink);
    let codes = sink.into_sorted(world.sources()).iter().map(|diagnostic| diagnostic.code).collect();
    (project, codes, world)
}
