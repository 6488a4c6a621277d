//! The commands of a mode, merged into a tree of what can follow what: reading a word looks only at what can stand there.

use super::{Command, Found, Help, Line, LineError, Problem, Shape, Token, Value, Word, abbreviates};

/// The commands of one mode, with a help text a keyword.
pub(crate) struct Grammar<C: 'static> {
    /// The first is where a line begins.
    nodes: Vec<Node<C>>,
    help: Vec<(&'static str, &'static str)>,
}

/// A place in a line.
struct Node<C> {
    /// What can stand here, in the table's order, and where it leads.
    edges: Vec<(Step, usize)>,
    /// The command that may end here.
    does: Option<C>,
}

/// One word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Keyword(&'static str),
    Argument(Shape),
}

/// One row of what `?` answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HelpRow {
    /// The keyword, or how the value is written.
    pub(crate) label: String,
    /// What it means.
    pub(crate) text: &'static str,
    /// Whether it can be typed as it stands.
    pub(crate) keyword: bool,
}

impl HelpRow {
    /// "The line can end here", as the field writes it.
    fn end() -> Self {
        Self { label: "<cr>".to_owned(), text: "", keyword: false }
    }
}

impl Step {
    /// As errors and help name it.
    fn label(self) -> String {
        match self {
            Self::Keyword(word) => word.to_owned(),
            Self::Argument(shape) => shape.label(),
        }
    }
}

/// Building. What a row leaves open doubles what follows it: rows leave little open.
impl<C: Copy> Grammar<C> {
    /// The grammar of these tables and their help texts. Of two rows for the same words, the first counts.
    pub(crate) fn new<'a>(commands: impl IntoIterator<Item = &'a Command<C>>, help: &[Help]) -> Self {
        let root = Node { edges: Vec::new(), does: None };
        let mut grammar = Self { nodes: vec![root], help: help.concat() };
        for command in commands {
            for end in grammar.row(vec![0], command.tokens) {
                grammar.nodes[end].does.get_or_insert(command.does);
            }
        }
        grammar
    }

    /// Adds a row after each of some places. Returns where it ends.
    fn row(&mut self, from: Vec<usize>, tokens: &[Token]) -> Vec<usize> {
        tokens.iter().fold(from, |from, token| self.token(from, *token))
    }

    fn token(&mut self, from: Vec<usize>, token: Token) -> Vec<usize> {
        match token {
            Token::Keyword(word) => self.step(from, Step::Keyword(word)),
            Token::Argument(shape) => self.step(from, Step::Argument(shape)),
            Token::Optional(tokens) => {
                let ends = self.row(from.clone(), tokens);
                [from, ends].concat()
            }
            Token::OneOf(rows) => rows.iter().flat_map(|row| self.row(from.clone(), row)).collect(),
            Token::AnyOf(tokens) => self.any(from, &tokens.iter().collect::<Vec<_>>()),
        }
    }

    fn any(&mut self, from: Vec<usize>, tokens: &[&Token]) -> Vec<usize> {
        let mut ends = from.clone();
        for (at, token) in tokens.iter().enumerate() {
            let after = self.token(from.clone(), **token);
            let others = [&tokens[..at], &tokens[at + 1..]].concat();
            ends.extend(self.any(after, &others));
        }
        ends
    }

    fn step(&mut self, from: Vec<usize>, step: Step) -> Vec<usize> {
        let mut ends = Vec::new();
        for at in from {
            let known = self.nodes[at].edges.iter().find(|(known, _)| *known == step);
            let end = known.map_or(self.nodes.len(), |(_, to)| *to);
            if end == self.nodes.len() {
                self.nodes[at].edges.push((step, end));
                self.nodes.push(Node { edges: Vec::new(), does: None });
            }
            ends.push(end);
        }
        ends
    }
}

/// Reading.
impl<C: Copy> Grammar<C> {
    /// Finds the one command that the words make.
    pub(crate) fn parse(&self, words: &[Word<'_>]) -> Result<(C, Line), LineError> {
        let mut line = Line::default();
        let mut at = 0;
        for word in words {
            let (step, to) = self.choose(at, *word)?;
            at = to;
            match step {
                Choice::Keyword(keyword) => line.keywords.push(keyword),
                Choice::Argument(shape, value) => {
                    let text = if shape == Shape::Rest { word.rest } else { word.text };
                    line.values.push(Found { value, word: text.to_owned(), column: word.column });
                    if shape == Shape::Rest {
                        break;
                    }
                }
            }
        }
        match self.nodes[at].does {
            Some(does) if !words.is_empty() => Ok((does, line)),
            Some(_) | None => Err(LineError {
                column: words.last().map_or(1, |word| word.column + word.text.chars().count() + 1),
                word: String::new(),
                problem: Problem::Incomplete,
                expected: self.labels(at),
            }),
        }
    }

    /// What `?` answers after `words`, where `partial` is the word under the cursor (empty after a
    /// space): rows of what can stand there and its meaning.
    pub(crate) fn help(&self, words: &[Word<'_>], partial: &str) -> Result<Vec<HelpRow>, LineError> {
        let mut at = 0;
        let mut before = "";
        for word in words {
            let (step, to) = self.choose(at, *word)?;
            at = to;
            before = match step {
                Choice::Keyword(keyword) => keyword,
                Choice::Argument(Shape::Rest, _) => return Ok(vec![HelpRow::end()]),
                Choice::Argument(..) => "",
            };
        }
        let row = |(step, _): &(Step, usize)| match *step {
            Step::Keyword(word) => abbreviates(partial, word).then(|| HelpRow {
                label: word.to_owned(),
                text: self.text(before, word),
                keyword: true,
            }),
            Step::Argument(shape) => {
                partial.is_empty().then(|| HelpRow { label: shape.label(), text: shape.help(), keyword: false })
            }
        };
        let mut rows: Vec<HelpRow> = self.nodes[at].edges.iter().filter_map(row).collect();
        rows.sort();
        if partial.is_empty() && self.nodes[at].does.is_some() {
            rows.push(HelpRow::end());
        }
        Ok(rows)
    }

    /// The help text of `word` after the word `before`; empty where there is none.
    pub(crate) fn text(&self, before: &str, word: &str) -> &'static str {
        let long = format!("{before} {word}");
        let find = |key: &str| self.help.iter().find(|(name, _)| *name == key).map(|(_, text)| *text);
        find(&long).or_else(|| find(word)).unwrap_or_default()
    }

    /// What a word comes to among what can stand at its place, and where it leads.
    fn choose(&self, at: usize, word: Word<'_>) -> Result<(Choice, usize), LineError> {
        let edges = &self.nodes[at].edges;
        let mut matches: Vec<(&'static str, usize)> = Vec::new();
        for (step, to) in edges {
            let Step::Keyword(keyword) = *step else { continue };
            if keyword.eq_ignore_ascii_case(word.text) {
                return Ok((Choice::Keyword(keyword), *to));
            }
            if abbreviates(word.text, keyword) {
                matches.push((keyword, *to));
            }
        }
        let error =
            |problem, expected| Err(LineError { column: word.column, word: word.text.to_owned(), problem, expected });
        match matches.as_slice() {
            [] => {}
            [(one, to)] => return Ok((Choice::Keyword(one), *to)),
            several => return error(Problem::Ambiguous, several.iter().map(|(word, _)| (*word).to_owned()).collect()),
        }
        let mut refused = None;
        for (step, to) in edges {
            let Step::Argument(shape) = *step else { continue };
            match shape.parse(if shape == Shape::Rest { word.rest } else { word.text }) {
                Ok(value) => return Ok((Choice::Argument(shape, value), *to)),
                Err(Some(why)) => refused = Some(why),
                Err(None) => {}
            }
        }
        let expected = if edges.is_empty() { vec!["the end of the line".to_owned()] } else { self.labels(at) };
        error(refused.map_or(Problem::Invalid, Problem::Value), expected)
    }

    fn labels(&self, at: usize) -> Vec<String> {
        self.nodes[at].edges.iter().map(|(step, _)| step.label()).collect()
    }
}

/// What a word came to.
enum Choice {
    Keyword(&'static str),
    Argument(Shape, Value),
}
