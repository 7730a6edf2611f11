//! Runs the engines, and turns their outcomes into findings and a report.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::cache::Cache;
use super::findings::Findings;
use super::judge::{Failure, judge};
use super::report::{self, Engine, Report, Workload};
use super::subject::Subject;
use super::{Options, Progress, differences, embedded, envoy};
use crate::diag::Sink;
use crate::verify::outcome::Outcome;
use crate::world::World;

/// Runs the subjects. `None` if an engine could not be used, which is reported.
pub(super) fn run(
    world: &dyn World,
    subjects: &[Subject],
    options: &Options,
    sink: &mut Sink,
    progress: Progress<'_>,
) -> Option<Report> {
    match options.engine {
        Engine::Embedded => Some(embedded(world, subjects, options, sink, progress)),
        Engine::Envoy => {
            let outcomes = in_envoy(world, subjects, options, sink, &counter(progress, subjects.len()))?;
            let mut findings = Findings::default();
            let workloads = report_outcomes(subjects, Engine::Envoy, &outcomes, &mut findings);
            Some(finish(options.engine, workloads, findings, sink))
        }
        Engine::Both => both(world, subjects, options, sink, progress),
    }
}

/// Runs the subjects that are not in the cache.
fn embedded(
    world: &dyn World,
    subjects: &[Subject],
    options: &Options,
    sink: &mut Sink,
    progress: Progress<'_>,
) -> Report {
    let cache = Cache::new(world, options.cache.as_deref());
    let known: Vec<Option<Workload>> = subjects.par_iter().map(|subject| cache.find(subject)).collect();
    let fresh = |(subject, known): (&Subject, &Option<Workload>)| known.is_none().then(|| subject.clone());
    let unknown: Vec<Subject> = subjects.iter().zip(&known).filter_map(fresh).collect();
    let outcomes = embedded::run(&unknown, &counter(progress, unknown.len()));
    let mut findings = Findings::default();
    let new = report_outcomes(&unknown, Engine::Embedded, &outcomes, &mut findings);
    unknown
        .par_iter()
        .zip(&new)
        .filter(|(subject, workload)| workload.passed() && !findings.concern(&subject.name))
        .for_each(|(subject, workload)| cache.keep(subject, workload));
    let mut new = new.into_iter();
    let workloads = known.into_iter().filter_map(|known| known.or_else(|| new.next())).collect();
    finish(Engine::Embedded, workloads, findings, sink)
}

fn both(
    world: &dyn World,
    subjects: &[Subject],
    options: &Options,
    sink: &mut Sink,
    progress: Progress<'_>,
) -> Option<Report> {
    let step = counter(progress, 2 * subjects.len());
    let ours = embedded::run(subjects, &step);
    let theirs = in_envoy(world, subjects, options, sink, &step)?;
    let mut findings = Findings::default();
    let mut workloads = report_outcomes(subjects, Engine::Embedded, &ours, &mut findings);
    workloads.extend(report_outcomes(subjects, Engine::Envoy, &theirs, &mut findings));
    for ((subject, ours), theirs) in subjects.iter().zip(&ours).zip(&theirs) {
        let found = differences::find(subject, ours, theirs);
        found.into_iter().for_each(|finding| findings.add_difference(&subject.name, finding));
    }
    Some(finish(options.engine, workloads, findings, sink))
}

fn in_envoy(
    world: &dyn World,
    subjects: &[Subject],
    options: &Options,
    sink: &mut Sink,
    progress: &(dyn Fn() + Sync),
) -> Option<Vec<Outcome>> {
    let options = envoy::Options { path: options.envoy.clone(), ..envoy::Options::default() };
    match envoy::run(world, subjects, &options, progress) {
        Ok(outcomes) => Some(outcomes),
        Err(finding) => {
            sink.push(*finding);
            None
        }
    }
}

/// The reports of the workloads. Adds their findings.
fn report_outcomes(
    subjects: &[Subject],
    engine: Engine,
    outcomes: &[Outcome],
    findings: &mut Findings,
) -> Vec<Workload> {
    let report = |(subject, outcome): (&Subject, &Outcome)| {
        let failures: Vec<Vec<Failure>> =
            subject.tests.iter().zip(&outcome.tests).map(|(test, outcome)| judge(subject, test, outcome)).collect();
        findings.add_outcome(subject, engine, outcome, &failures);
        report::workload(subject, engine, outcome, &failures)
    };
    subjects.iter().zip(outcomes).map(report).collect()
}

fn finish(engine: Engine, workloads: Vec<Workload>, findings: Findings, sink: &mut Sink) -> Report {
    let passed = !findings.has_errors();
    findings.report(engine, sink);
    Report { engine, workloads, passed }
}

/// The function that an engine calls after each workload.
fn counter(progress: Progress<'_>, total: usize) -> impl Fn() + Sync {
    let done = AtomicUsize::new(0);
    move || progress(done.fetch_add(1, Ordering::Relaxed) + 1, total)
}
