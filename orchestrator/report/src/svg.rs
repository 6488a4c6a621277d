//! A drawing in SVG: scales, axes, marks. Colours are classes, so that one page can follow light and dark.

use super::format::{escape, figure};
use std::fmt::{Display, Write};

/// A finished drawing.
pub(super) struct Plot {
    /// File name without its end.
    pub(super) name: String,
    /// What it shows, for a caption.
    pub(super) caption: String,
    /// The same in figures, the first row naming the columns: for readers who cannot see it.
    pub(super) data: Vec<Vec<String>>,
    width: f64,
    height: f64,
    body: String,
}

/// Colours of every drawing, light and dark; the series are told apart by colour-blind readers too
/// (after Okabe and Ito).
pub(super) const STYLE: &str = "
.plot{font:12px system-ui,-apple-system,'Segoe UI',sans-serif;--ink:#1f2328;--soft:#59636e;--line:#d8dee4;--paper:#fff;--panel:#f6f8fa;--alarm:#c21c27;--heat:#8e1b5f;
--hsa:#c4501b;--rpr:#b07800;--rpr-plus:#0072b2;--sso:#007a57;--fsu:#a8518a;--issu:#6a4fb3;--other:#57606a}
@media(prefers-color-scheme:dark){.plot{--ink:#e6edf3;--soft:#9198a1;--line:#30363d;--paper:#0d1117;--panel:#161b22;--alarm:#ff7b72;--heat:#ff7ac6;
--hsa:#ff8a5c;--rpr:#e8b339;--rpr-plus:#58b4f0;--sso:#3fcf9f;--fsu:#e08cc4;--issu:#a897f0;--other:#9198a1}}
.plot text{fill:var(--ink)}.plot .soft{fill:var(--soft)}.plot .strong{font-weight:600}
.plot .grid{stroke:var(--line);stroke-width:1}.plot .axis{stroke:var(--soft);stroke-width:1}
.plot .dash{stroke:var(--soft);stroke-dasharray:4 3}.plot .fault{stroke:var(--alarm);stroke-width:1.5}
.plot .band{fill:var(--alarm);stroke:none;opacity:.1}
.plot text.fault{fill:var(--alarm);stroke:none}
.plot .curve{fill:none;stroke-width:2;stroke-linejoin:round}.plot .area{stroke:none;fill-opacity:.35}
.plot .dot{fill-opacity:.75}.plot .hollow{fill:none;stroke-width:1.5}
.plot .hsa{--c:var(--hsa)}.plot .rpr{--c:var(--rpr)}.plot .rpr-plus{--c:var(--rpr-plus)}.plot .sso{--c:var(--sso)}
.plot .fsu{--c:var(--fsu)}.plot .issu{--c:var(--issu)}.plot .other{--c:var(--other)}
.plot .h1{fill-opacity:.14}.plot .h2{fill-opacity:.28}.plot .h3{fill-opacity:.42}.plot .h4{fill-opacity:.56}
.plot .h5{fill-opacity:.7}.plot .h6{fill-opacity:.85}.plot .heat{fill:var(--heat)}.plot .none{fill:var(--line)}
.plot .alt{stroke-dasharray:7 4}.plot .small{font-size:10px}
.plot .card{fill:var(--panel);stroke:var(--soft);stroke-width:1.25}.plot .dead{fill:var(--panel);stroke:var(--alarm);stroke-width:2.5}
.plot .heir{fill:var(--panel);stroke:var(--sso);stroke-width:2.5}.plot .wire{stroke:var(--soft);stroke-width:1.25;fill:none}
.plot .frame{fill:none;stroke:var(--line);stroke-width:1.5}
.plot .cross{stroke:var(--alarm);stroke-width:3}.plot text.heir{fill:var(--sso);stroke:none}
.plot .port{fill:var(--soft)}.plot .free{fill:none;stroke:var(--soft)}
.plot .curve,.plot .hollow{stroke:var(--c)}.plot .area,.plot .dot,.plot .bar{fill:var(--c)}
";

/// The class that colours a mode.
pub(super) fn class(mode: &str) -> &'static str {
    match mode {
        "hsa" => "hsa",
        "rpr" => "rpr",
        "rpr-plus" => "rpr-plus",
        "sso" => "sso",
        "fsu" => "fsu",
        "issu" => "issu",
        _ => "other",
    }
}

/// Where text is anchored.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Plot {
    pub(super) fn new(name: &str, caption: String, width: f64, height: f64) -> Self {
        Self { name: name.to_owned(), caption, data: Vec::new(), width, height, body: String::new() }
    }

    /// The element for a page that has [`STYLE`] already. What it shows is said by the page, not by a tooltip
    /// over the whole of it.
    pub(super) fn inline(&self) -> String {
        self.element(&format!(" aria-label=\"{}\"", escape(&self.caption)), "")
    }

    /// A file of its own.
    pub(super) fn standalone(&self) -> String {
        let title = escape(&self.caption);
        let paper = "<rect width=\"100%\" height=\"100%\" style=\"fill:var(--paper)\"/>";
        let head = format!("<title>{title}</title><style>{STYLE}</style>{paper}");
        self.element(" xmlns=\"http://www.w3.org/2000/svg\"", &head)
    }

    fn element(&self, attributes: &str, head: &str) -> String {
        let Self { width, height, body, .. } = self;
        format!(
            "<svg{attributes} class=\"plot\" role=\"img\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\">{head}\n{body}</svg>\n"
        )
    }

    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let _ = writeln!(
            self.body,
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        );
    }

    pub(super) fn text(&mut self, class: &str, at: (f64, f64), anchor: Anchor, text: impl Display) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(&text.to_string());
        let _ = writeln!(
            self.body,
            "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{text}</text>",
            at.0, at.1
        );
    }

    pub(super) fn rect(&mut self, class: &str, at: (f64, f64), size: (f64, f64), title: &str) {
        let title = escape(title);
        let _ = writeln!(
            self.body,
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"2\">\
             <title>{title}</title></rect>",
            at.0, at.1, size.0, size.1
        );
    }

    pub(super) fn dot(&mut self, class: &str, at: (f64, f64), title: &str) {
        let (x, y, title) = (at.0, at.1, escape(title));
        let _ = writeln!(
            self.body,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"><title>{title}</title></circle>"
        );
    }

    /// A line through points that says what it is.
    pub(super) fn curve(&mut self, class: &str, points: &[(f64, f64)], title: &str) {
        self.path(class, points);
        if self.body.ends_with("/>\n") {
            self.body.truncate(self.body.len() - 3);
            let _ = writeln!(self.body, "><title>{}</title></path>", escape(title));
        }
    }

    /// A line through points.
    pub(super) fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        let Some((first, rest)) = points.split_first() else { return };
        let mut d = format!("M{:.1} {:.1}", first.0, first.1);
        for (x, y) in rest {
            let _ = write!(d, "L{x:.1} {y:.1}");
        }
        let _ = writeln!(self.body, "<path class=\"{class}\" d=\"{d}\"/>");
    }
}

/// A logarithmic scale in milliseconds with a place for zero beside it.
#[derive(Clone, Copy)]
pub(super) struct LogScale {
    /// Decades.
    low: i32,
    high: i32,
    /// Where zero and where the ends of the decades lie on the page.
    zero: f64,
    from: f64,
    to: f64,
}

impl LogScale {
    /// A scale that holds `values`; zero lies at `zero`, the decades from `from` to `to`.
    pub(super) fn new(values: impl IntoIterator<Item = f64>, zero: f64, from: f64, to: f64) -> Self {
        let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
        for value in values.into_iter().filter(|value| *value > 0.0 && value.is_finite()) {
            low = low.min(value);
            high = high.max(value);
        }
        if high == 0.0 {
            (low, high) = (1.0, 1000.0);
        }
        let low = low.log10().floor() as i32;
        let high = (high.log10().ceil() as i32).max(low + 1);
        Self { low, high, zero, from, to }
    }

    /// Where a value lies.
    pub(super) fn at(&self, value: f64) -> f64 {
        if value <= 0.0 {
            return self.zero;
        }
        let share = (value.log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Zero and every decade: value and label.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let decades = (self.low..=self.high).map(|power| {
            let value = 10_f64.powi(power);
            (value, label_ms(value))
        });
        std::iter::once((0.0, "0".to_owned())).chain(decades).collect()
    }
}

impl LogScale {
    /// The lowest and the highest decade: powers of ten of milliseconds.
    pub(super) fn decades(&self) -> (i32, i32) {
        (self.low, self.high)
    }
}

/// A decade of milliseconds in the unit people use.
pub(super) fn label_ms(ms: f64) -> String {
    if ms >= 999.0 {
        format!("{} s", figure(ms / 1e3))
    } else if ms >= 0.999 {
        format!("{} ms", figure(ms))
    } else {
        format!("{} µs", figure((ms * 1e3 * 1e3).round() / 1e3))
    }
}

/// Round steps that divide `span` into about `parts`.
pub(super) fn step(span: f64, parts: f64) -> f64 {
    let rough = (span / parts).max(1e-9);
    let decade = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * decade).find(|step| *step >= rough).unwrap_or(rough)
}
