//! Differential privacy for tables of counts: discrete Laplace noise by exact arithmetic (`prio`, of the Internet Security
//! Research Group), and what a project may spend of its privacy in all.
//!
//! Which cells there are is stated by the project beforehand, for that a cell is there tells of who is in it. A person counts
//! in so many cells of a table as the project says and no more, so one person changes all tables of an extract together by
//! at most `cells` times their number; noise of that scale over epsilon makes each extract epsilon-differentially private
//! (Dwork and others 2006; sampled as Canonne, Kamath and Steinke 2020). The noise is drawn from the project's key and all
//! that the extract depends on: one that is made again is the same and tells nothing more.

use std::collections::{BTreeMap, HashMap};

use prio::dp::Rational;
use prio::dp::distributions::DiscreteLaplace;
use rand::SeedableRng;
use rand::distr::Distribution;
use rand::rngs::StdRng;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::disclosure::Cells;
use crate::error::Error;
use crate::limits::CELLS_MAX;
use crate::view::View;

/// Largest epsilon of an extract: more protects nobody.
const EPSILON_MAX: i64 = 10;
/// Digits after the point of an epsilon.
const PLACES: u32 = 6;

/// Differential privacy as a project asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Noise {
    /// What one extract spends: a decimal, such as `"0.5"`.
    pub epsilon: String,
    /// What the project may spend in all its extracts.
    pub budget: String,
    /// Cells of one table in which one person counts at most.
    #[serde(default = "one")]
    pub cells: u32,
    /// By table and column, the values that there may be: `counts.gender = ["female", "male"]`.
    pub categories: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

fn one() -> u32 {
    1
}

/// A part of a privacy budget.
pub(crate) fn amount(text: &str) -> Option<Decimal> {
    let found = Decimal::from_str_exact(text.trim()).ok()?;
    let zero = Decimal::ZERO;
    (found > zero && found.normalize().scale() <= PLACES).then_some(found)
}

impl Noise {
    /// What is wrong with it for these views.
    pub(crate) fn missing(&self, views: &[View]) -> Vec<String> {
        let mut missing = Vec::new();
        let (epsilon, budget) = (amount(&self.epsilon), amount(&self.budget));
        if epsilon.is_none_or(|epsilon| epsilon > Decimal::from(EPSILON_MAX)) {
            missing
                .push(format!("an epsilon above 0 and not above {EPSILON_MAX}, of {PLACES} places at most"));
        }
        if budget.is_none_or(|budget| epsilon.is_none_or(|epsilon| budget < epsilon)) {
            missing.push("a privacy budget of at least one extract".to_owned());
        }
        if self.cells == 0 {
            missing.push("one cell or more in which a person counts".to_owned());
        }
        for view in views {
            let of = self.categories.get(&view.name);
            for column in view.columns() {
                if of.and_then(|of| of.get(&column.name)).is_none_or(Vec::is_empty) {
                    missing.push(format!("the values that {}.{} may have", view.name, column.name));
                }
            }
            if self.labels(view).is_none() {
                missing.push(format!("a table {} of {CELLS_MAX} cells at most", view.name));
            }
        }
        missing
    }

    /// Every cell of a view's table; none where there are too many.
    fn labels(&self, view: &View) -> Option<Vec<Vec<String>>> {
        let mut labels: Vec<Vec<String>> = vec![Vec::new()];
        for column in view.columns() {
            let values = self.categories.get(&view.name).and_then(|of| of.get(&column.name))?;
            if labels.len().saturating_mul(values.len()) > CELLS_MAX {
                return None;
            }
            let with = |label: &Vec<String>| {
                let label = label.clone();
                values.iter().map(move |value| label.iter().chain([value]).cloned().collect())
            };
            labels = labels.iter().flat_map(with).collect();
        }
        Some(labels)
    }

    /// The scale of the noise: how much one person changes all tables together, over epsilon.
    fn scale(&self, views: usize) -> Result<Rational, Error> {
        let wrong = || Error::Definition("the epsilon of the project is none".to_owned());
        let epsilon = amount(&self.epsilon).ok_or_else(wrong)?.normalize();
        let sensitivity = u128::from(self.cells) * views.max(1) as u128;
        let units = u128::try_from(epsilon.mantissa()).map_err(|_| wrong())?;
        Rational::from_unsigned(sensitivity * 10_u128.pow(epsilon.scale()), units).map_err(|_| wrong())
    }

    /// The cells of one view's table with their counts and noise, in order. What falls below none is none.
    pub(crate) fn counts(
        &self,
        view: &View,
        views: usize,
        cells: &Cells,
        seed: [u8; 32],
    ) -> Result<Vec<(Vec<String>, u64)>, Error> {
        let wrong = || Error::Definition("the noise of the project is not as it must be".to_owned());
        let labels = self.labels(view).ok_or_else(wrong)?;
        let noise = DiscreteLaplace::new(self.scale(views)?).map_err(|_| wrong())?;
        let mut random = StdRng::from_seed(seed);
        // In the order of the labels, which is nobody's choice.
        let mut counted: HashMap<u64, u32> = HashMap::new();
        let mut out = Vec::with_capacity(labels.len());
        for label in labels {
            let mut count: i64 = 0;
            for person in cells.get(&label).into_iter().flatten() {
                let times = counted.entry(*person).or_default();
                if *times < self.cells {
                    *times += 1;
                    count += 1;
                }
            }
            // Noise beyond 64 bits has no probability to speak of.
            let drawn = i64::try_from(noise.sample(&mut random)).unwrap_or(0);
            out.push((label, u64::try_from(count.saturating_add(drawn)).unwrap_or(0)));
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(epsilon: &str) -> Noise {
        let values = |list: &[&str]| list.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>();
        let columns = BTreeMap::from([("gender".to_owned(), values(&["female", "male", "other"]))]);
        let categories = BTreeMap::from([("counts".to_owned(), columns)]);
        Noise { epsilon: epsilon.to_owned(), budget: "5".to_owned(), cells: 1, categories }
    }

    fn view() -> View {
        let definition = serde_json::json!({"resource": "Patient", "name": "counts",
            "select": [{"column": [{"name": "gender", "path": "gender"}]}]});
        View::compile(&definition).unwrap()
    }

    fn cells(female: u64) -> Cells {
        Cells::from([(vec!["female".to_owned()], (0..female).collect())])
    }

    fn seed(n: u16) -> [u8; 32] {
        let mut seed = [7; 32];
        let [a, b] = n.to_be_bytes();
        (seed[0], seed[1]) = (a, b);
        seed
    }

    #[test]
    fn noise_has_the_scale_that_was_asked_for_and_no_lean() {
        for (epsilon, deviation) in [("1", 1.36_f64), ("0.1", 14.13)] {
            let draws: Vec<f64> = (0..1_500)
                .map(|n| {
                    noise(epsilon).counts(&view(), 1, &cells(1_000), seed(n)).unwrap()[0].1 as f64 - 1_000.0
                })
                .collect();
            let mean = draws.iter().sum::<f64>() / draws.len() as f64;
            let spread = (draws.iter().map(|d| d * d).sum::<f64>() / draws.len() as f64).sqrt();
            assert!(mean.abs() < deviation / 8.0, "epsilon {epsilon}: mean {mean}");
            assert!(
                (spread / deviation - 1.0).abs() < 0.1,
                "epsilon {epsilon}: {spread} and not {deviation}"
            );
        }
    }

    #[test]
    fn one_person_changes_the_odds_of_an_answer_by_no_more_than_epsilon_says() {
        // The odds of an answer of at least 1,000 with 1,000 people, and with one fewer.
        let at_least = |people: u64| {
            let answers =
                (0..4_000).map(|n| noise("0.5").counts(&view(), 1, &cells(people), seed(n)).unwrap()[0].1);
            answers.filter(|answer| *answer >= 1_000).count() as f64
        };
        let ratio = at_least(1_000) / at_least(999);
        assert!(ratio > 1.2 && ratio < 0.5_f64.exp() * 1.1, "{ratio}");
        // The control: counts without noise tell it for certain.
        assert!(
            cells(1_000)[&vec!["female".to_owned()]].len() != cells(999)[&vec!["female".to_owned()]].len()
        );
    }

    #[test]
    fn every_stated_cell_is_there_and_no_other_and_a_person_counts_in_so_many() {
        let mut three = cells(40);
        three.insert(vec!["male".to_owned()], (0..40).collect());
        three.insert(vec!["unknown".to_owned()], (0..40).collect());
        let found = noise("10").counts(&view(), 1, &three, seed(1)).unwrap();
        let labels: Vec<&str> = found.iter().map(|(label, _)| label[0].as_str()).collect();
        assert_eq!(labels, ["female", "male", "other"]);
        assert!(found[0].1.abs_diff(40) <= 5 && found[1].1 <= 5 && found[2].1 <= 5, "{found:?}");
        assert_eq!(found, noise("10").counts(&view(), 1, &three, seed(1)).unwrap(), "again the same");
    }

    #[test]
    fn what_is_missing_is_told() {
        assert!(noise("0.5").missing(&[view()]).is_empty());
        for bad in ["0", "-1", "11", "ten", "0.0000001", "6"] {
            assert!(!noise(bad).missing(&[view()]).is_empty(), "{bad}");
        }
        let mut none = noise("1");
        none.categories.clear();
        assert!(none.missing(&[view()]).iter().any(|m| m.contains("counts.gender")));
    }
}
