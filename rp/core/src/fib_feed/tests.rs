mod model;
mod replica;
mod sessions;
