//! Runs the engines, and turns their outcomes into findings and a report.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::cache::Cache;
use super::findings::Findings;
use super::judge::{Failure, judge};
use super::report::{self, Engine, Report, Workload};
use super::subject::Subject;
use super::{Options, Progress, differences, embedded, envoy};
use crate::diag::{Diagnostic, Sink};
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
    let run = Runner { world, subjects, options, progress };
    let mut findings = Findings::default();
    let workloads = match options.engine {
        Engine::Embedded => Ok(run.embedded(&mut findings)),
        Engine::Envoy => run.envoy(&mut findings),
        Engine::Both => run.both(&mut findings),
    };
    let workloads = workloads.map_err(|error| sink.push(*error)).ok()?;
    let passed = !findings.has_errors();
    findings.report(options.engine, sink);
    Some(Report { engine: options.engine, workloads, passed, assumed: None })
}

struct Runner<'a> {
    world: &'a dyn World,
    subjects: &'a [Subject],
    options: &'a Options,
    progress: Progress<'a>,
}

impl Runner<'_> {
    /// Runs the subjects that are not in the cache.
    fn embedded(&self, findings: &mut Findings) -> Vec<Workload> {
        let cache = Cache::new(self.world, self.options.cache.as_deref());
        let known: Vec<Option<Workload>> = self.subjects.par_iter().map(|subject| cache.find(subject)).collect();
        let fresh = |(subject, known): (&Subject, &Option<Workload>)| known.is_none().then(|| subject.clone());
        let unknown: Vec<Subject> = self.subjects.iter().zip(&known).filter_map(fresh).collect();
        let outcomes = embedded::run(&unknown, &self.counter(unknown.len()));
        let new = report_outcomes(&unknown, Engine::Embedded, &outcomes, findings);
        unknown
            .par_iter()
            .zip(&new)
            .filter(|(subject, workload)| workload.passed() && !findings.concern(&subject.name))
            .for_each(|(subject, workload)| cache.keep(subject, workload));
        let mut new = new.into_iter();
        known.into_iter().filter_map(|known| known.or_else(|| new.next())).collect()
    }

    fn envoy(&self, findings: &mut Findings) -> Result<Vec<Workload>, Box<Diagnostic>> {
        let outcomes = self.outcomes_in_envoy(&self.counter(self.subjects.len()))?;
        Ok(report_outcomes(self.subjects, Engine::Envoy, &outcomes, findings))
    }

    /// Runs every subject in both engines, and compares the outcomes.
    fn both(&self, findings: &mut Findings) -> Result<Vec<Workload>, Box<Diagnostic>> {
        let step = self.counter(2 * self.subjects.len());
        let ours = embedded::run(self.subjects, &step);
        let theirs = self.outcomes_in_envoy(&step)?;
        let mut workloads = report_outcomes(self.subjects, Engine::Embedded, &ours, findings);
        workloads.extend(report_outcomes(self.subjects, Engine::Envoy, &theirs, findings));
        for ((subject, ours), theirs) in self.subjects.iter().zip(&ours).zip(&theirs) {
            let differences = differences::find(subject, ours, theirs);
            differences.into_iter().for_each(|finding| findings.add_difference(&subject.name, finding));
        }
        Ok(workloads)
    }

    fn outcomes_in_envoy(&self, progress: &(dyn Fn() + Sync)) -> Result<Vec<Outcome>, Box<Diagnostic>> {
        let options = envoy::Options { path: self.options.envoy.clone(), ..envoy::Options::default() };
        envoy::run(self.world, self.subjects, &options, progress)
    }

    /// The function that an engine calls after each workload.
    fn counter(&self, total: usize) -> impl Fn() + Sync {
        let done = AtomicUsize::new(0);
        move || (self.progress)(done.fetch_add(1, Ordering::Relaxed) + 1, total)
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
