//! Holds one measured row of the table: values by recorder, their medians and ratios, and the goal.

use serde::Serialize;
use serde_json::{Value, json};

use super::median;

/// One row: a load or a view, measured with one or more programs. The goal is for the first.
pub struct Row {
    /// The part of the benchmark, as `--only` names it.
    pub part: &'static str,
    pub what: String,
    pub unit: Unit,
    pub series: Vec<Series>,
    pub goal: Option<Goal>,
}

/// The values of one program.
pub struct Series {
    pub program: String,
    /// One value a round; none if the program was skipped.
    pub values: Vec<f64>,
    /// The untraced load of the same rounds, where there is one: the row is a ratio then.
    pub untraced: Vec<f64>,
    /// The reason for having no values.
    pub skipped: Option<String>,
}

/// A unit of values.
#[derive(Clone, Copy, Serialize)]
pub enum Unit {
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "µs")]
    Microseconds,
    #[serde(rename = "MiB")]
    Mebibytes,
    #[serde(rename = "million/s")]
    MillionsASecond,
    #[serde(rename = "×")]
    Ratio,
    #[serde(rename = "million")]
    Millions,
}

/// A bound for the median: of the ratios where the row has them, else of the values.
#[derive(Clone, Copy)]
pub enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

/// The median of values, with the lowest and the highest.
#[derive(Clone, Copy, Serialize)]
pub struct Spread {
    pub median: f64,
    pub lowest: f64,
    pub highest: f64,
}

impl Row {
    /// Makes a row of plain values of one program.
    pub fn of_tracer(part: &'static str, what: impl Into<String>, unit: Unit) -> Self {
        Self {
            part,
            what: what.into(),
            unit,
            series: Vec::new(),
            goal: None,
        }
    }

    pub fn goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }

    pub fn with(mut self, program: impl Into<String>, values: Vec<f64>) -> Self {
        self.series.push(Series::plain(program, values));
        self
    }

    /// Writes the lines of the table, one a program.
    pub fn markdown(&self) -> String {
        let lines = self.series.iter().enumerate().map(|(number, series)| {
            let goal = self.goal.filter(|_| number == 0);
            format!(
                "| {}: {} | {} | {} |\n",
                self.what,
                series.program,
                series.measured(self.unit),
                goal.map_or(String::new(), |goal| goal.judge(series, self.unit)),
            )
        });
        lines.collect()
    }

    pub fn json(&self) -> Value {
        let programs: Vec<_> = self.series.iter().map(Series::json).collect();
        json!({
            "part": self.part,
            "what": self.what,
            "unit": self.unit,
            "programs": programs,
            "at_most": match self.goal { Some(Goal::AtMost(bound)) => Some(bound), _ => None },
            "at_least": match self.goal { Some(Goal::AtLeast(bound)) => Some(bound), _ => None },
        })
    }
}

impl Series {
    pub fn plain(program: impl Into<String>, values: Vec<f64>) -> Self {
        Self {
            program: program.into(),
            values,
            untraced: Vec::new(),
            skipped: None,
        }
    }

    pub fn skipped(program: impl Into<String>, reason: String) -> Self {
        Self {
            skipped: Some(reason),
            ..Self::plain(program, Vec::new())
        }
    }

    /// Returns the values, each divided by the untraced one of its round.
    fn ratios(&self) -> Option<Spread> {
        let ratio = |(value, untraced): (&f64, &f64)| value / untraced;
        Spread::of(self.values.iter().zip(&self.untraced).map(ratio).collect())
    }

    fn measured(&self, unit: Unit) -> String {
        let Some(own) = Spread::of(self.values.clone()) else {
            let reason = self.skipped.as_deref().unwrap_or("no value");
            return format!("skipped: {reason}");
        };
        match (self.ratios(), Spread::of(self.untraced.clone())) {
            (Some(ratios), Some(untraced)) => format!(
                "{}; {}, untraced {}",
                ratios.text(Unit::Ratio),
                unit.text(own.median),
                unit.text(untraced.median)
            ),
            _ => own.text(unit),
        }
    }

    fn json(&self) -> Value {
        json!({
            "program": self.program,
            "values": self.values,
            "untraced": self.untraced,
            "value": Spread::of(self.values.clone()),
            "ratio": self.ratios(),
            "skipped": self.skipped,
        })
    }
}

impl Goal {
    /// Writes the goal, and says if the series misses it.
    fn judge(self, series: &Series, unit: Unit) -> String {
        let ratios = series.ratios();
        let unit = if ratios.is_some() { Unit::Ratio } else { unit };
        let spread = ratios.or_else(|| Spread::of(series.values.clone()));
        let (sign, bound) = match self {
            Self::AtMost(bound) => ("≤", bound),
            Self::AtLeast(bound) => ("≥", bound),
        };
        let misses = spread.is_some_and(|spread| match self {
            Self::AtMost(bound) => spread.median > bound,
            Self::AtLeast(bound) => spread.median < bound,
        });
        let missed = if misses { ", missed" } else { "" };
        format!("{sign} {}{missed}", unit.text(bound))
    }
}

impl Spread {
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        Some(Self {
            lowest: *values.first()?,
            highest: *values.last()?,
            median: median(values),
        })
    }

    fn text(self, unit: Unit) -> String {
        let middle = unit.text(self.median);
        if self.lowest == self.highest {
            return middle;
        }
        let (lowest, highest) = (unit.number(self.lowest), unit.number(self.highest));
        format!("{middle} ({lowest} … {highest})")
    }
}

impl Unit {
    fn number(self, value: f64) -> String {
        match self {
            Self::Ratio | Self::Millions => format!("{value:.3}"),
            Self::Seconds | Self::Microseconds | Self::MillionsASecond => format!("{value:.2}"),
            Self::Milliseconds | Self::Mebibytes => format!("{value:.1}"),
        }
    }

    fn text(self, value: f64) -> String {
        let name = match self {
            Self::Ratio => return self.number(value),
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "µs",
            Self::Mebibytes => "MiB",
            Self::MillionsASecond => "million/s",
            Self::Millions => "million",
        };
        format!("{} {name}", self.number(value))
    }
}

#[cfg(test)]
mod tests {
    use super::{Goal, Row, Series, Unit};

    #[test]
    fn a_paired_row_shows_ratios_and_judges_them() {
        let mut row = Row::of_tracer("stream", "a load", Unit::Seconds).goal(Goal::AtMost(1.02));
        row.series.push(Series {
            untraced: vec![1.0, 2.0, 4.0],
            ..Series::plain("tracer record", vec![1.1, 2.2, 4.0])
        });
        row.series
            .push(Series::skipped("a peer", "not installed".to_owned()));
        assert_eq!(
            row.markdown(),
            "| a load: tracer record | 1.100 (1.000 … 1.100); 2.20 s, untraced 2.00 s | \
             ≤ 1.020, missed |\n\
             | a load: a peer | skipped: not installed |  |\n"
        );
    }

    #[test]
    fn a_plain_row_shows_its_unit() {
        let row = Row::of_tracer("replays", "to jsonl", Unit::MillionsASecond)
            .goal(Goal::AtLeast(1.5))
            .with("tracer replay", vec![1.75]);
        assert_eq!(
            row.markdown(),
            "| to jsonl: tracer replay | 1.75 million/s | ≥ 1.50 million/s |\n"
        );
    }
}
