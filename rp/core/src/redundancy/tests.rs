mod log;
mod pair;
mod platforms;
mod requests;
mod rules;
mod table;
mod world;
