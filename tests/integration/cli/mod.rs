//! The command line as a user sees it.

mod files;
mod formats;
mod init;
mod products;
mod status;
mod streams;
mod streams_as_files;
mod terminal;
mod usage;

use crate::project::Project;

/// The subcommands that `mesh-compile -h` lists, except `help`.
fn subcommands() -> Vec<String> {
    let help = Project::empty().run(&["-h"]).ends(0, &[]).stdout;
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // The description of a command may continue on lines that are indented further.
    let names = list.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).filter(|name| !name.is_empty());
    let names: Vec<String> = names.map(str::to_owned).filter(|name| name != "help").collect();
    assert!(names.iter().any(|name| name == "render"), "cannot find the commands in:\n{help}");
    names
}
