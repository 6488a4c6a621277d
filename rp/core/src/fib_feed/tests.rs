pub(crate) mod model;
mod replica;
mod sessions;
