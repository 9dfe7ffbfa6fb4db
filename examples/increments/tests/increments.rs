//! The application as its users run it, with a real Redis and a real PostgreSQL, some of which die.

#[path = "../../../tests/harness/mod.rs"]
mod harness;

#[path = "increments/postgres.rs"]
mod postgres;
#[path = "increments/traffic.rs"]
mod traffic;
#[path = "increments/world.rs"]
mod world;

#[path = "increments/crashes.rs"]
mod crashes;
#[path = "increments/exactness.rs"]
mod exactness;
#[path = "increments/example.rs"]
mod example;
#[path = "increments/freshness.rs"]
mod freshness;
#[path = "increments/http.rs"]
mod http;
