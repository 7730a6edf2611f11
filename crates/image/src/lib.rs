//! Packs a WebAssembly module into an OCI image whose digest depends on the module alone.
//!
//! An [`Image`] has one layer, which contains the module as [`FILE_NAME`]. Kubernetes mounts such an image as a volume, and Istio
//! fetches it. Computing the digest does not copy the module. A [`Layout`] collects images by name and produces the files of a
//! directory that `skopeo`, `crane` and `oras` push to a registry.
//!
//! ```
//! use mesh_compile_image::{Image, Layout};
//!
//! let image = Image::of_module(b"\0asm\x01\0\0\0");
//! println!("registry.example.com/filters/demo@{}", image.digest());
//!
//! let mut layout = Layout::new();
//! layout.add("demo", image);
//! let mut paths = Vec::new();
//! layout.write_to(|path, _bytes| -> Result<(), std::io::Error> {
//!     paths.push(path.to_owned());
//!     Ok(())
//! })?;
//! assert_eq!(paths.len(), 5);
//! # Ok::<(), std::io::Error>(())
//! ```

mod descriptor;
mod gzip;
mod image;
mod layer;
mod layout;
mod tar;

pub use image::Image;
pub use layer::FILE_NAME;
pub use layout::Layout;
