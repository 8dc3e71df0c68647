//! The equation of an Einstein summation: from text and shapes to labels and lengths.

use std::collections::BTreeMap;

/// The name of an axis. An ellipsis stands for axes that are counted from its end, as broadcasting aligns them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    Ellipsis(usize),
    Letter(char),
}

/// What every axis of every operand is called, and which labels the result has.
#[derive(Debug, PartialEq)]
pub(super) struct Equation {
    pub inputs: Vec<Vec<Label>>,
    pub output: Vec<Label>,
    pub lengths: BTreeMap<Label, usize>,
}

impl Equation {
    /// Reads `text` for operands of these shapes; an error says what is wrong.
    pub fn new(text: &str, shapes: &[&[usize]]) -> Result<Self, String> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let (left, right) = match text.split_once("->") {
            Some((left, right)) => (left, Some(right)),
            None => (text.as_str(), None),
        };
        let terms = left.split(',').map(Term::parse).collect::<Result<Vec<_>, _>>()?;
        if terms.len() != shapes.len() {
            return Err(format!("it has {} operands, and {} are given", terms.len(), shapes.len()));
        }
        let mut hidden = 0;
        for (i, (term, shape)) in terms.iter().zip(shapes).enumerate() {
            let named = term.letters();
            let fits = if term.has_ellipsis() { named <= shape.len() } else { named == shape.len() };
            if !fits {
                return Err(format!("operand {i} has {named} labels for the {} axes of shape {shape:?}", shape.len()));
            }
            if term.has_ellipsis() {
                hidden = hidden.max(shape.len() - named);
            }
        }
        let inputs: Vec<Vec<Label>> =
            terms.iter().zip(shapes).map(|(term, shape)| term.labels(shape.len() - term.letters())).collect();
        let lengths = lengths(&inputs, shapes)?;
        let output = match right {
            Some(right) => explicit_output(&Term::parse(right)?, hidden, &lengths)?,
            None => implicit_output(&inputs, hidden),
        };
        Ok(Self { inputs, output, lengths })
    }
}

/// The labels of one operand as they are written; `None` is the ellipsis.
struct Term(Vec<Option<char>>);

impl Term {
    fn parse(text: &str) -> Result<Self, String> {
        let (before, after) = match text.split_once("...") {
            Some((before, after)) => (before, Some(after)),
            None => (text, None),
        };
        let dots = after.map(|_| None);
        let letters = before.chars().map(Some).chain(dots).chain(after.unwrap_or_default().chars().map(Some));
        let labels: Vec<Option<char>> = letters.collect();
        match labels.iter().flatten().find(|c| !c.is_ascii_alphabetic()) {
            Some('.') => Err("an ellipsis is three dots, once in an operand".into()),
            Some(c) => Err(format!("{c:?} is no label; labels are the letters a to z and A to Z")),
            None => Ok(Self(labels)),
        }
    }

    fn letters(&self) -> usize {
        self.0.iter().flatten().count()
    }

    fn has_ellipsis(&self) -> bool {
        self.letters() < self.0.len()
    }

    /// The labels, with `hidden` axes for the ellipsis.
    fn labels(&self, hidden: usize) -> Vec<Label> {
        let mut labels = vec![];
        for label in &self.0 {
            match *label {
                Some(letter) => labels.push(Label::Letter(letter)),
                None => labels.extend((0..hidden).rev().map(Label::Ellipsis)),
            }
        }
        labels
    }
}

/// The length of every label: letters agree, axes of an ellipsis broadcast.
fn lengths(inputs: &[Vec<Label>], shapes: &[&[usize]]) -> Result<BTreeMap<Label, usize>, String> {
    let mut lengths = BTreeMap::new();
    for (i, (labels, shape)) in inputs.iter().zip(shapes).enumerate() {
        for (&label, &length) in labels.iter().zip(*shape) {
            let known = *lengths.entry(label).or_insert(length);
            match label {
                _ if known == length => {}
                Label::Ellipsis(_) if known == 1 => drop(lengths.insert(label, length)),
                Label::Ellipsis(_) if length == 1 => {}
                Label::Ellipsis(axis) => {
                    let place = axis + 1;
                    return Err(format!(
                        "axis {place} from the end of the ellipsis has length {length} in operand {i} and {known} before it"
                    ));
                }
                Label::Letter(letter) => {
                    return Err(format!("label {letter} has length {length} in operand {i} and {known} before it"));
                }
            }
        }
    }
    Ok(lengths)
}

fn explicit_output(term: &Term, hidden: usize, lengths: &BTreeMap<Label, usize>) -> Result<Vec<Label>, String> {
    let output = term.labels(hidden);
    for (i, label) in output.iter().enumerate() {
        if let Label::Letter(letter) = label {
            if !lengths.contains_key(label) {
                return Err(format!("label {letter} of the result is in no operand"));
            }
            if output[..i].contains(label) {
                return Err(format!("label {letter} is twice in the result"));
            }
        }
    }
    Ok(output)
}

/// The axes of the ellipsis, then the letters that occur once, in the order of the alphabet (capitals first).
fn implicit_output(inputs: &[Vec<Label>], hidden: usize) -> Vec<Label> {
    let mut letters: Vec<Label> =
        inputs.iter().flatten().copied().filter(|label| matches!(label, Label::Letter(_))).collect();
    letters.sort_unstable();
    let once = letters.chunk_by(PartialEq::eq).filter(|run| run.len() == 1).map(|run| run[0]);
    (0..hidden).rev().map(Label::Ellipsis).chain(once).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The labels of the result, an ellipsis' axes as digits, or what is wrong.
    fn output(text: &str, shapes: &[&[usize]]) -> Result<String, String> {
        let name = |label: &Label| match label {
            Label::Ellipsis(axis) => char::from(b'0' + *axis as u8),
            Label::Letter(letter) => *letter,
        };
        Ok(Equation::new(text, shapes)?.output.iter().map(name).collect())
    }

    #[test]
    fn the_result_is_as_written_or_what_occurs_once() {
        let matrix: &[usize] = &[3, 3];
        assert_eq!(output("ij,jk->ki", &[matrix, matrix]).unwrap(), "ki");
        assert_eq!(output(" i j , j k ", &[matrix, matrix]).unwrap(), "ik");
        assert_eq!(output("ba", &[matrix]).unwrap(), "ab");
        assert_eq!(output("aB", &[matrix]).unwrap(), "Ba");
        assert_eq!(output("ii", &[matrix]).unwrap(), "");
        assert_eq!(output("ii->i", &[matrix]).unwrap(), "i");
        assert_eq!(output(",", &[&[], &[]]).unwrap(), "");
        assert_eq!(output("...ij,...jk", &[&[2, 4, 3, 5], &[4, 5, 6]]).unwrap(), "10ik");
        assert_eq!(output("i...->...", &[&[3, 4, 5]]).unwrap(), "10");
        assert_eq!(output("i...->i", &[&[3, 4, 5]]).unwrap(), "i");
        assert_eq!(output("...i", &[&[3]]).unwrap(), "i");
    }

    #[test]
    fn an_ellipsis_broadcasts_and_letters_do_not() {
        let equation = Equation::new("...i,i...->...", &[&[1, 4, 3], &[3, 2, 1]]).unwrap();
        let lengths: Vec<_> = equation.lengths.into_iter().collect();
        assert_eq!(lengths, [(Label::Ellipsis(0), 4), (Label::Ellipsis(1), 2), (Label::Letter('i'), 3)]);
        assert_eq!(output("i,i", &[&[3], &[1]]).unwrap_err(), "label i has length 1 in operand 1 and 3 before it");
        assert_eq!(
            output("...,...", &[&[3, 2], &[4, 2]]).unwrap_err(),
            "axis 2 from the end of the ellipsis has length 4 in operand 1 and 3 before it"
        );
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let error = |text, shapes: &[&[usize]]| output(text, shapes).unwrap_err();
        assert_eq!(error("ij", &[&[2, 3], &[3]]), "it has 1 operands, and 2 are given");
        assert_eq!(error("ij", &[&[2]]), "operand 0 has 2 labels for the 1 axes of shape [2]");
        assert_eq!(error("i,ij...", &[&[2], &[2]]), "operand 1 has 2 labels for the 1 axes of shape [2]");
        assert_eq!(error("i1", &[&[2, 3]]), "'1' is no label; labels are the letters a to z and A to Z");
        assert_eq!(error("i->i->i", &[&[2]]), "'-' is no label; labels are the letters a to z and A to Z");
        assert_eq!(error("i..", &[&[2, 3]]), "an ellipsis is three dots, once in an operand");
        assert_eq!(error("...i...", &[&[2, 3]]), "an ellipsis is three dots, once in an operand");
        assert_eq!(error("i->j", &[&[2]]), "label j of the result is in no operand");
        assert_eq!(error("ij->ii", &[&[2, 3]]), "label i is twice in the result");
    }
}
