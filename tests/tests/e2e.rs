//! The product as its users meet it: the real binary, real browsers, real services.

#[path = "e2e/browser.rs"]
mod browser;
#[path = "e2e/cluster.rs"]
mod cluster;
#[path = "e2e/garbage.rs"]
mod garbage;
#[path = "e2e/restart.rs"]
mod restart;
