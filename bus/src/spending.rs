//! Rates that all processes share: what one has let through counts for all.

use common::bucket::Rate;

/// What was let through of something that is limited, to be taken from the bucket that all processes share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spending {
    /// The bucket's name, unique among all of the installation.
    pub name: String,
    /// The rate that all processes together are held to. The bucket goes by the rate of who spends.
    pub rate: Rate,
    /// How many tokens were let through: they are gone, whether they were there or not. Less than nothing gives so
    /// many back, as far as they fit.
    pub spent: i64,
}
