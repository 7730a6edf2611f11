//! Kustomizations at random, the same ones for the same seed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::pieces::{Object, object, operations, strategic};

/// A stream of numbers (xorshift).
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).expect("small")).expect("small")
    }

    pub(super) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// Writes a tree of kustomizations below `root`. Returns the directory to build.
pub(super) fn kustomization(seed: u64, root: &Path) -> PathBuf {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for _ in 0..8 {
        random.next();
    }
    let mut writer = Writer { random, root, names: 0 };
    let (first, mut objects) = writer.base("base");
    let mut resources = vec![first];
    if writer.random.one_in(3) {
        let (second, more) = writer.base("second");
        objects.extend(more);
        resources.push(second);
    }
    let mut dir = writer.overlay("overlay", &resources, &objects);
    if writer.random.one_in(2) {
        dir = writer.overlay("top", &[dir], &objects);
    }
    root.join(dir)
}

struct Writer<'a> {
    random: Random,
    root: &'a Path,
    names: usize,
}

impl Writer<'_> {
    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().expect("below the root")).expect("writable");
        std::fs::write(path, text).expect("writable");
    }

    /// A kustomization of manifests: documents, lists and JSON.
    fn base(&mut self, dir: &str) -> (String, Vec<Object>) {
        let mut objects = Vec::new();
        let mut list = String::new();
        for file in 0..1 + self.random.below(3) {
            let mut texts = Vec::new();
            for _ in 0..1 + self.random.below(4) {
                let (object, text) = object(&mut self.random, format!("o{}", self.names));
                self.names += 1;
                objects.push(object);
                texts.push(text);
            }
            let path = format!("{dir}/{file}.yaml");
            if self.random.one_in(4) {
                let mut text = String::from("apiVersion: v1\nkind: List\nitems:\n");
                for one in &texts {
                    let indented: Vec<String> = one.lines().map(|line| format!("  {line}\n")).collect();
                    text.push_str(&format!("-{}", &indented.concat()[1..]));
                }
                self.write(&path, &text);
            } else {
                let line_end = if self.random.one_in(6) { "\r\n" } else { "\n" };
                self.write(&path, &texts.join("---\n").replace('\n', line_end));
            }
            let _ = writeln!(list, "- {file}.yaml");
        }
        let mut text = format!("resources:\n{list}");
        text.push_str(&self.changes(dir, &objects));
        self.write(&format!("{dir}/kustomization.yaml"), &text);
        (dir.to_owned(), objects)
    }

    /// A kustomization over others, with components.
    fn overlay(&mut self, dir: &str, resources: &[String], objects: &[Object]) -> String {
        let mut text = String::from("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n");
        for resource in resources {
            let _ = writeln!(text, "- ../{resource}");
        }
        if self.random.one_in(2) {
            let component = format!("{dir}-component");
            let own = self.changes(&component, objects);
            let head = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n";
            self.write(&format!("{component}/kustomization.yaml"), &format!("{head}{own}"));
            let _ = writeln!(text, "components:\n- ../{component}");
        }
        text.push_str(&self.changes(dir, objects));
        self.write(&format!("{dir}/kustomization.yaml"), &text);
        dir.to_owned()
    }

    /// The fields of a kustomization that change objects.
    fn changes(&mut self, dir: &str, objects: &[Object]) -> String {
        let mut text = String::new();
        if self.random.one_in(4) {
            let _ = writeln!(text, "namespace: {}", self.random.pick(&["shop", "prod", "default"]));
        }
        if self.random.one_in(5) {
            text.push_str("namePrefix: pre-\n");
        }
        if self.random.one_in(5) {
            text.push_str("nameSuffix: -suf\n");
        }
        if self.random.one_in(4) {
            text.push_str("commonLabels: {team: a, app: all}\n");
        }
        if self.random.one_in(3) {
            text.push_str("labels:\n- pairs: {owner: b}\n");
            text.push_str(self.random.pick(&["", "  includeSelectors: true\n", "  includeTemplates: true\n"]));
            if self.random.one_in(3) {
                text.push_str(
                    "- pairs: {own: c}\n  fields:\n  - {path: spec/own/labels, create: true, kind: Rollout}\n",
                );
            }
        }
        if self.random.one_in(4) {
            text.push_str("commonAnnotations: {contact: 'on', example.org/x: z}\n");
        }
        if self.random.one_in(5) {
            text.push_str(
                "images:\n- {name: nginx, newTag: '9'}\n- {name: redis, newName: cache, digest: 'sha256:12'}\n",
            );
        }
        let workloads: Vec<&Object> = objects.iter().filter(|object| object.has_template()).collect();
        if self.random.one_in(5)
            && let Some(scaled) = workloads.iter().find(|object| matches!(object.kind, "Deployment" | "StatefulSet"))
        {
            let _ = writeln!(text, "replicas: [{{name: {}, count: 4}}]", scaled.name);
        }
        text.push_str(&self.patches(dir, objects, &workloads));
        text
    }

    fn patches(&mut self, dir: &str, objects: &[Object], workloads: &[&Object]) -> String {
        let mut patches = String::new();
        let indent = |text: &str| text.lines().map(|line| format!("    {line}\n")).collect::<String>();
        for number in 0..self.random.below(4) {
            let object = objects[self.random.below(objects.len())].clone();
            match self.random.below(4) {
                0 => {
                    let path = format!("patch-{number}.yaml");
                    let text = strategic(&mut self.random, &object);
                    self.write(&format!("{dir}/{path}"), &text);
                    let _ = writeln!(patches, "- path: {path}");
                }
                1 => {
                    let text = strategic(&mut self.random, &object);
                    let _ = write!(patches, "- patch: |-\n{}", indent(&text));
                }
                2 => {
                    let text = strategic(&mut self.random, &Object { name: "any".to_owned(), ..object.clone() });
                    let target =
                        self.random.pick(&["name: o.*", "labelSelector: app=web", "namespace: default", "name: o1|o2"]);
                    let _ = write!(
                        patches,
                        "- target: {{kind: {}, {target}}}\n  patch: |-\n{}",
                        object.kind,
                        indent(&text)
                    );
                }
                _ => {
                    let operations = indent(operations(&mut self.random));
                    let target = self.random.pick(&[
                        "kind: Deployment",
                        "kind: Deployment|StatefulSet",
                        "version: v1, kind: Daemon.*",
                    ]);
                    let _ = write!(patches, "- target: {{{target}}}\n  patch: |-\n{operations}");
                }
            }
        }
        let mut text = String::new();
        if !patches.is_empty() {
            let _ = write!(text, "patches:\n{patches}");
        }
        if self.random.one_in(6) {
            let object = objects[self.random.below(objects.len())].clone();
            let patch = strategic(&mut self.random, &object);
            self.write(&format!("{dir}/legacy.yaml"), &patch);
            text.push_str("patchesStrategicMerge: [legacy.yaml]\n");
        }
        if self.random.one_in(6)
            && let Some(workload) = workloads.first()
        {
            let (group, version) = workload.api_version.split_once('/').unwrap_or(("", workload.api_version));
            let operations = operations(&mut self.random);
            self.write(&format!("{dir}/json.yaml"), operations);
            let _ = writeln!(
                text,
                "patchesJson6902:\n- target: {{group: {group}, version: {version}, kind: {}, name: {}}}\n  path: json.yaml",
                workload.kind, workload.name
            );
        }
        text
    }
}
