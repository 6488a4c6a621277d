//! Looks and behaviour of `report.html`, built into the program so that the page is one file.

/// The page's style sheet.
pub(super) const STYLE: &str = include_str!("page/style.css");
/// Hovering and zooming.
pub(super) const SCRIPT: &str = include_str!("page/pictures.js");
