//! What was measured, server beside server, and beside the budget.

use std::{fmt::Write as _, io, io::Write as _};

/// One line of the table.
#[derive(Clone, Copy)]
pub(super) struct Figure {
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    pub(super) budget: Option<Budget>,
}

/// What the design allows, in the figure's unit.
#[derive(Clone, Copy)]
pub(super) enum Budget {
    AtMost(f64),
    AtLeast(f64),
}

impl Figure {
    pub(super) const fn free(what: &'static str, unit: &'static str) -> Self {
        Self { what, unit, budget: None }
    }

    pub(super) const fn at_most(what: &'static str, unit: &'static str, most: f64) -> Self {
        Self { what, unit, budget: Some(Budget::AtMost(most)) }
    }

    pub(super) const fn at_least(what: &'static str, unit: &'static str, least: f64) -> Self {
        Self { what, unit, budget: Some(Budget::AtLeast(least)) }
    }
}

/// A figure, and what it is for each server.
struct Row {
    figure: Figure,
    values: Vec<(&'static str, f64)>,
}

/// All lines, in the order in which they were measured first.
#[derive(Default)]
pub(super) struct Figures(Vec<Row>);

impl Figures {
    /// Notes a value, and prints it: a run takes minutes.
    pub(super) fn note(&mut self, figure: Figure, server: &'static str, value: f64) -> io::Result<()> {
        let Figure { what, unit, .. } = figure;
        writeln!(io::stdout(), "  {server:<11} {what}: {} {unit}", shown(value))?;
        if let Some(row) = self.0.iter_mut().find(|row| row.figure.what == what) {
            row.values.push((server, value));
        } else {
            self.0.push(Row { figure, values: vec![(server, value)] });
        }
        Ok(())
    }

    /// Prints the table: values, the budget and how many times it was used, and how many times better than each
    /// of the others.
    pub(super) fn print(&self, servers: &[&'static str]) -> io::Result<()> {
        let mut out = io::stdout();
        let head = servers.iter().map(|server| format!(" {server:>11} |")).collect::<String>();
        writeln!(out, "\n| {:<58} |{head} {:>18} |", "", "budget")?;
        for row in &self.0 {
            let mut line = format!("| {:<58} |", format!("{}, {}", row.figure.what, row.figure.unit));
            for server in servers {
                let value = row.of(server).map(shown).unwrap_or_default();
                // Writing to a String does not fail.
                let _infallible = write!(line, " {value:>11} |");
            }
            writeln!(out, "{line} {:>18} |", row.judged())?;
        }
        Ok(())
    }
}

impl Row {
    fn of(&self, server: &str) -> Option<f64> {
        self.values.iter().find(|(name, _)| *name == server).map(|(_, value)| *value)
    }

    fn judged(&self) -> String {
        match (self.figure.budget, self.of("switchboard")) {
            (Some(Budget::AtMost(most)), Some(value)) => format!("≤ {} ({:.2} ×)", shown(most), value / most),
            (Some(Budget::AtLeast(least)), Some(value)) => {
                format!("≥ {} ({:.2} ×)", shown(least), value / least)
            }
            (Some(_), None) | (None, _) => String::new(),
        }
    }
}

fn shown(value: f64) -> String {
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$}")
}
