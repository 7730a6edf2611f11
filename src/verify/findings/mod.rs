//! Turns outcomes into findings. The same fault of one filter in a thousand workloads is one finding.

mod expectations;
mod faults;
mod trace;

use std::collections::BTreeMap;

use mesh_compile_host::outcome::{End, ExchangeOutcome, Fault, FaultKind, Remark};

use super::judge::Failure;
use super::report::Engine;
use super::subject::{ChainEntry, Subject};
use crate::diag::{Code, Diagnostic, Location, Severity, Sink, suggest};
use crate::verify::outcome::Outcome;

/// Findings, grouped by filter and message.
#[derive(Debug, Default)]
pub(super) struct Findings {
    groups: BTreeMap<(Code, String), Group>,
    order: usize,
}

#[derive(Debug)]
struct Group {
    /// The first of them.
    finding: Diagnostic,
    number: usize,
    /// The engine that found it first. Only its workloads are listed.
    engine: Engine,
    /// Whether the other engine found it too.
    agreed: bool,
    workloads: Vec<String>,
}

/// Identifies a group, together with the code.
struct Key<'a> {
    workload: &'a str,
    engine: Engine,
    /// Everything about the finding but the workload.
    text: String,
}

impl Findings {
    /// Adds the findings about a workload's outcome. `failures`: per test.
    pub(super) fn add_outcome(
        &mut self,
        subject: &Subject,
        engine: Engine,
        outcome: &Outcome,
        failures: &[Vec<Failure>],
    ) {
        for (entry, plugin) in subject.plugins.iter().zip(&outcome.plugins) {
            if let Some(fault) = &plugin.fault {
                let finding = faults::fault(entry, fault).detail(trace::log(subject, &plugin.log));
                self.add_for_filter(subject, engine, (entry, &fault.message), finding, entry.location);
            }
            for cluster in plugin.calls.iter().filter(|cluster| !subject.has_cluster(cluster)) {
                let finding = faults::undeclared(&format!("the filter `{}`", entry.plugin.name()), cluster);
                self.add_for_filter(subject, engine, (entry, ""), finding, entry.location);
            }
            for remark in &plugin.remarks {
                let finding = faults::remark(subject, entry, remark);
                self.add_for_filter(subject, engine, (entry, ""), finding, entry.location);
            }
        }
        for (number, (test, outcome)) in subject.tests.iter().zip(&outcome.tests).enumerate() {
            // What else happens to requests that bypass the filters says nothing.
            if let Some(bypass) = subject.bypass(test) {
                self.add_for_workload(subject, engine, &test.name, expectations::bypassed(subject, test, bypass));
                continue;
            }
            if let Some(fault) = &outcome.fault {
                self.add_for_workload(subject, engine, &fault.message, expectations::not_run(subject, test, fault));
            }
            for (step, done) in test.steps.iter().zip(&outcome.steps) {
                self.step(subject, engine, (test, step), done);
            }
            let failures = failures.get(number).map_or(&[][..], Vec::as_slice);
            for (finding, detail) in expectations::failed(subject, test, outcome, failures) {
                self.add_for_workload(subject, engine, &detail, finding);
            }
        }
    }

    /// Adds the findings about an exchange that do not depend on expectations.
    fn step(
        &mut self,
        subject: &Subject,
        engine: Engine,
        (test, step): (&crate::resolve::traffic::suite::Test, &crate::resolve::traffic::suite::Step),
        outcome: &ExchangeOutcome,
    ) {
        for (number, fault) in &outcome.faults {
            let Some(entry) = subject.plugins.get(*number) else { continue };
            let finding = faults::fault(entry, fault)
                .note(format!("in the test `{}` of `{}`", test.name, subject.name))
                .detail(trace::exchange(subject, step, outcome));
            self.add_for_filter(subject, engine, (entry, &fault.message), finding, step.location);
        }
        // A filter that failed explains the stall.
        if let End::Stalled(number) = outcome.end
            && outcome.faults.is_empty()
        {
            let entry = number.and_then(|number| subject.plugins.get(number));
            let finding = expectations::stalled(entry, test, subject, &outcome.effects)
                .at(step.location)
                .detail(trace::exchange(subject, step, outcome));
            self.add_for_workload(subject, engine, &test.name, finding);
        }
        for call in outcome.calls.iter().filter(|call| !subject.has_cluster(&call.cluster)) {
            let finding =
                faults::undeclared(&format!("a filter of `{}`", subject.name), &call.cluster).at(step.location);
            self.add_for_workload(subject, engine, "", finding);
        }
        for (number, remark) in &outcome.remarks {
            let Some(entry) = subject.plugins.get(*number) else { continue };
            let mut finding = faults::remark(subject, entry, remark);
            if let Remark::UnknownCluster(cluster) = remark
                && let Some(near) = suggest(cluster, test.scenario.callouts.keys().map(String::as_str))
            {
                finding = finding.help(format!("the test has `callouts.\"{near}\"`: did you mean `{cluster}`?"));
            }
            self.add_for_filter(subject, engine, (entry, ""), finding, step.location);
        }
    }

    /// Adds a finding about a filter in any workload.
    fn add_for_filter(
        &mut self,
        subject: &Subject,
        engine: Engine,
        (entry, detail): (&ChainEntry, &str),
        finding: Diagnostic,
        at: Location,
    ) {
        let digest = entry.plugin.module.digest;
        let text = format!("{digest} {} {} {detail}", entry.plugin.name(), finding.message);
        self.group(Key { workload: &subject.name, engine, text }, finding.at(at));
    }

    /// Adds a finding about this workload only.
    fn add_for_workload(&mut self, subject: &Subject, engine: Engine, detail: &str, finding: Diagnostic) {
        let text = format!("{} {} {detail}", subject.name, finding.message);
        self.group(Key { workload: &subject.name, engine, text }, finding);
    }

    fn group(&mut self, Key { workload, engine, text }: Key<'_>, finding: Diagnostic) {
        self.order += 1;
        let number = self.order;
        let group = self.groups.entry((finding.code, text)).or_insert_with(|| Group {
            finding,
            number,
            engine,
            agreed: false,
            workloads: Vec::new(),
        });
        group.agreed |= group.engine != engine;
        // If both engines found it, list the workloads of the first one.
        if group.engine == engine && group.workloads.last().is_none_or(|last| last != workload) {
            group.workloads.push(workload.to_owned());
        }
    }

    /// Adds a finding about the difference of the two engines.
    pub(super) fn add_difference(&mut self, workload: &str, finding: Diagnostic) {
        let text = format!("{workload} {} {:?}", finding.message, finding.notes);
        self.group(Key { workload, engine: Engine::Both, text }, finding);
    }

    /// Whether there is a finding about this workload.
    pub(super) fn concern(&self, workload: &str) -> bool {
        self.groups.values().any(|group| group.workloads.iter().any(|one| one == workload))
    }

    /// Whether any finding is an error.
    pub(super) fn has_errors(&self) -> bool {
        self.groups.values().any(|group| group.finding.severity == Severity::Error)
    }

    /// Reports the findings. With two engines, a finding of only one of them says so.
    pub(super) fn report(self, engine: Engine, sink: &mut Sink) {
        let mut groups: Vec<Group> = self.groups.into_values().collect();
        groups.sort_by_key(|group| group.number);
        for Group { mut finding, engine: found, agreed, workloads, .. } in groups {
            if workloads.len() > 1 {
                finding.notes.push(in_workloads(&workloads));
            }
            if engine == Engine::Both && found != Engine::Both && !agreed {
                finding.notes.push(format!("only in {}", found.place()));
            }
            sink.push(finding);
        }
    }
}

/// `in 1000 workloads: a, b, c and 997 more`.
fn in_workloads(workloads: &[String]) -> String {
    const NAMED: usize = 3;
    let named: Vec<String> = workloads.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    let more = workloads.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("in {} workloads: {}{more}", workloads.len(), named.join(", "))
}

/// The code of a fault of this kind.
const fn code(kind: FaultKind) -> Code {
    match kind {
        // Unless a rule about the module has a code for it.
        FaultKind::Load | FaultKind::Start => Code::MC0601,
        FaultKind::Configure => Code::MC0602,
        FaultKind::Trap => Code::MC0603,
        FaultKind::Restricted => Code::MC0604,
        FaultKind::Endless => Code::MC0605,
        FaultKind::Limits => Code::MC0606,
        FaultKind::Unsupported => Code::MC0611,
        FaultKind::Engine => Code::MC0614,
        FaultKind::Crash => Code::MC0618,
    }
}

/// A finding with the severity of the fault. What the engine does not support is not the module's fault.
fn of_fault(fault: &Fault, message: String) -> Diagnostic {
    match fault.kind {
        FaultKind::Unsupported => Diagnostic::warning(code(fault.kind), message),
        _ => Diagnostic::error(code(fault.kind), message),
    }
}
