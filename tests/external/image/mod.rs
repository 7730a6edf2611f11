//! A registry, the programs that push images and the programs that read them accept what `mesh-compile image` writes.

mod contents;
mod fetched;
mod pushed;
mod registry;
mod several;
mod written;
