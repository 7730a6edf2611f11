//! What a terminal gets: colors, a progress bar, lines as wide as the terminal.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::project::{Project, SPEC};

/// Both ends of a pseudoterminal.
struct Terminal {
    controller: File,
    user: File,
}

impl Terminal {
    fn new(columns: u16) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudoterminal");
        grantpt(&controller).expect("access to the pseudoterminal");
        unlockpt(&controller).expect("access to the pseudoterminal");
        let name = ptsname(&controller, Vec::new()).expect("a name").into_string().expect("UTF-8");
        let user = OpenOptions::new().read(true).write(true).open(name).expect("the pseudoterminal");
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&user, size).expect("a size");
        Self { controller: controller.into(), user }
    }

    /// Runs mesh-compile with this terminal as its standard output and standard error. Returns what the terminal receives.
    fn run(self, project: &Project, arguments: &[&str], environment: &[(&str, &str)]) -> String {
        let mut command = project.command(arguments);
        command.stdin(Stdio::null()).stdout(self.user.try_clone().expect("a file descriptor")).stderr(self.user);
        // Only the variables of the test decide: in CI, for example, a dumb terminal gets colors too.
        for variable in ["CI", "CLICOLOR", "CLICOLOR_FORCE", "COLORTERM", "NO_COLOR"] {
            command.env_remove(variable);
        }
        command.env("TERM", "xterm").env("XDG_CACHE_HOME", project.path("cache"));
        command.envs(environment.iter().copied());
        let mut child = command.spawn().expect("mesh-compile runs");
        // This process must not keep the user's end open: reading ends when the last program closes it.
        drop(command);
        let mut received = Vec::new();
        let mut controller = self.controller;
        // Linux reports the end as an error.
        _ = controller.read_to_end(&mut received);
        child.wait().expect("mesh-compile ends");
        String::from_utf8(received).expect("UTF-8")
    }
}

#[test]
fn diagnostics_have_colors_on_a_terminal_and_where_the_user_asks_for_them() {
    let project = Project::empty();
    let on_terminal = |arguments: &[&str], environment: &[(&str, &str)]| {
        let received = Terminal::new(80).run(&project, arguments, environment);
        assert!(received.contains("MC0107"), "{received}");
        received.contains("\x1b[")
    };
    assert!(on_terminal(&["check"], &[]));
    assert!(!on_terminal(&["check"], &[("NO_COLOR", "1")]));
    assert!(!on_terminal(&["check"], &[("TERM", "dumb")]));
    assert!(!on_terminal(&["check", "--color", "never"], &[]));
    assert!(!on_terminal(&["check", "--format", "json"], &[]));

    let piped = |arguments: &[&str]| project.run(arguments).ends(2, &["MC0107"]).stderr.contains('\x1b');
    assert!(!piped(&["check"]));
    assert!(piped(&["check", "--color", "always"]));
    assert!(!piped(&["check", "--color", "always", "--format", "json"]));
}

/// Workloads whose filter loops until the host interrupts it, so that the run takes seconds.
fn slow() -> Project {
    let project = Project::empty();
    let module = r#"(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
        (func (export "malloc") (param i32) (result i32) (i32.const 0))
        (func (export "proxy_on_configure") (param i32 i32) (result i32) (loop $l (br $l)) (i32.const 1)))"#;
    project.write("slow.wasm", wat::parse_str(module).expect("a module"));
    let mut spec = "[filters.slow]\nmodule = 'slow.wasm'\n".to_owned();
    for number in 0..8 {
        // Different configurations: the host runs equal ones once.
        let config = format!("{{ number = {number} }}");
        let filters = format!("filters = [{{ filter = 'slow', config = {config} }}]");
        spec += &format!("[workloads.w{number}]\nselector = {{ app = 'w{number}' }}\n{filters}\n");
    }
    project.write("mesh.toml", spec);
    project
}

#[test]
fn a_slow_verify_shows_a_progress_bar_on_a_terminal_and_erases_it() {
    const BAR: &str = "/8 workloads";
    const ERASE: &str = "\x1b[2K";
    let project = slow();
    let received = Terminal::new(80).run(&project, &["verify"], &[]);
    assert!(received.contains(BAR), "{received}");
    let (_, after) = received.rsplit_once(ERASE).expect("the bar is erased");
    assert!(!after.contains(BAR) && after.contains("MC0605"), "{received}");

    let quiet = Terminal::new(80).run(&project, &["verify", "--quiet"], &[]);
    assert!(quiet.contains("MC0605") && !quiet.contains(BAR), "{quiet}");
    let piped = project.run(&["verify", "--no-cache"]).ends(1, &["MC0605"]).stderr;
    assert!(!piped.contains(BAR), "{piped}");
}

#[test]
fn a_quick_verify_shows_no_progress_bar() {
    let project = Project::small();
    assert!(project.read("mesh.toml") == SPEC);
    let received = Terminal::new(80).run(&project, &["verify"], &[]);
    assert!(received.contains("2 workloads") && !received.contains("/2 workloads"), "{received}");
}

#[test]
fn help_is_as_wide_as_the_terminal_and_at_most_80_columns() {
    let project = Project::empty();
    for (columns, widest) in [(60, 60), (200, 80)] {
        let help = Terminal::new(columns).run(&project, &["render", "--help"], &[("NO_COLOR", "1")]);
        let width = help.lines().map(|line| line.trim_end().chars().count()).max();
        assert!(width <= Some(widest), "{width:?} of {columns}:\n{help}");
        assert!(help.contains("--dry-run"), "{help}");
    }
}
