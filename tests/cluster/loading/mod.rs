//! What a filter that is not loaded, or loads something new, means for a pod: every value of `load-failure` with every event, in
//! real sidecars.

mod discovery;
mod setup;

use self::setup::{Setup, seen, wait_for_answer};
pub(crate) use self::setup::{ask, module};
use crate::Test;
use crate::control_plane::ControlPlane;
use crate::kubelet::{Pod, wait_until};

pub(crate) fn tests() -> Vec<Test> {
    let events: [(&str, Event); 3] = [
        ("a_missing_file", a_missing_file),
        ("a_refused_configuration", a_refused_configuration),
        ("a_change_while_a_connection_is_open", a_change_while_a_connection_is_open),
    ];
    // With `stop-rollout`, the type makes no difference: the listener is rejected as a whole.
    let kinds = [("http", STOP), ("http", "allow"), ("http", "deny"), ("network", "allow"), ("network", "deny")];
    let cells = kinds.into_iter().map(|(kind, loading)| Cell { kind, loading });
    let tests = cells.flat_map(|cell| {
        events.map(|(event, test)| {
            let name = format!("{event} ({}, {})", cell.kind, cell.loading);
            (name, Box::new(move |plane: &ControlPlane| test(plane, &cell)) as Box<_>)
        })
    });
    tests.chain(discovery::tests()).collect()
}

/// What happens in a cell of the table.
type Event = fn(&ControlPlane, &Cell);

const STOP: &str = "stop-rollout";

/// The type of a filter, and its `load-failure`.
#[derive(Debug, Clone, Copy)]
struct Cell {
    kind: &'static str,
    loading: &'static str,
}

/// A configuration that the module refuses.
const REFUSED: &str = "refused";

/// Waits until Envoy has rejected something and counted it.
#[track_caller]
fn wait_for_rejection(pod: &Pod, cell: &Cell) {
    let statistic = match cell {
        Cell { loading: STOP, .. } => "listener_manager.lds.update_rejected",
        Cell { kind: "http", .. } => "extension_config_discovery.http_filter.wasm.path.update_rejected",
        Cell { .. } => "extension_config_discovery.network_filter.wasm.path.update_rejected",
    };
    wait_until(&format!("{pod} rejects an update"), || {
        let stats = pod.stats("")?;
        if stats.get(statistic).is_some_and(|count| *count > 0) {
            return Ok(());
        }
        let similar = stats.iter().filter(|(name, _)| name.contains("config_discovery") || name.contains(".lds."));
        Err(format!("{statistic}: {:?}", similar.collect::<Vec<_>>()))
    });
}

/// A pod whose module is missing. Its file, and a change of its configuration, switch the filter on without a restart.
fn a_missing_file(plane: &ControlPlane, cell: &Cell) {
    let setup = Setup::new(plane, "file", cell);
    plane.apply(&setup.base()).expect("applied");
    let old = setup.ready_pod();
    setup.apply("/first");

    let new = wait_until("there is a new pod", || {
        let pods = plane.kubelet().pods(&setup.namespace);
        let new = pods.iter().find(|pod| pod.name() != old.name() && pod.stats("").is_ok());
        new.cloned().ok_or_else(|| plane.kubelet().describe(&pods))
    });
    wait_for_rejection(&new, cell);
    assert!(new.log().contains("Invalid path"), "{}", new.log());
    if cell.loading == STOP {
        assert!(!new.is_ready() && old.is_ready());
        assert_eq!(ask(&old), "/");
    } else {
        assert_eq!(setup.ready_pod().name(), new.name());
        let answer = match (cell.loading, cell.kind) {
            ("allow", _) => "/",
            (_, "http") => "403",
            _ => "closed",
        };
        assert_eq!(ask(&new), answer);
    }

    setup.provide_module();
    setup.apply("/second");
    assert_eq!(setup.ready_pod().name(), new.name());
    wait_for_answer(&new, "/second");
}

/// A configuration that the module refuses changes nothing, and the next one that it accepts is used.
fn a_refused_configuration(plane: &ControlPlane, cell: &Cell) {
    let setup = Setup::new(plane, "push", cell);
    let pod = setup.running("/first");
    setup.apply(REFUSED);
    wait_for_rejection(&pod, cell);
    assert_eq!(ask(&pod), "/first");
    assert!(pod.is_ready());
    setup.apply("/second");
    wait_for_answer(&pod, "/second");
}

/// A change reaches new connections at once. What happens to the open ones depends on how the configuration arrives.
fn a_change_while_a_connection_is_open(plane: &ControlPlane, cell: &Cell) {
    let setup = Setup::new(plane, "change", cell);
    let pod = setup.running("/first");
    let mut connection = pod.keep_alive().expect("a connection");
    assert_eq!(seen(&mut connection), "/first");
    let updates = || pod.stats("listener_manager.").expect("statistics")["listener_manager.listener_in_place_updated"];
    let before = updates();
    setup.apply("/second");
    wait_for_answer(&pod, "/second");

    let is_inline = cell.loading == STOP;
    assert_eq!(updates() > before, is_inline);
    let keeps_old = is_inline || cell.kind == "network";
    let now = if keeps_old { "/first" } else { "/second" };
    assert_eq!(seen(&mut connection), now);
    if is_inline {
        wait_until("the connection is drained", || {
            assert_eq!(seen(&mut connection), now);
            if connection.is_closed() { Ok(()) } else { Err("it is open".to_owned()) }
        });
    } else {
        assert!(!connection.is_closed());
    }
}
