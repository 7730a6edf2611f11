//! The two halves of a stream.

use std::ops::{Index, IndexMut};

/// The request, which goes to the workload, or the response, which goes to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StreamHalf {
    Request,
    Response,
}

/// One value per half.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ByHalf<T> {
    pub(crate) request: T,
    pub(crate) response: T,
}

impl<T> Index<StreamHalf> for ByHalf<T> {
    type Output = T;

    fn index(&self, half: StreamHalf) -> &T {
        match half {
            StreamHalf::Request => &self.request,
            StreamHalf::Response => &self.response,
        }
    }
}

impl<T> IndexMut<StreamHalf> for ByHalf<T> {
    fn index_mut(&mut self, half: StreamHalf) -> &mut T {
        match half {
            StreamHalf::Request => &mut self.request,
            StreamHalf::Response => &mut self.response,
        }
    }
}
