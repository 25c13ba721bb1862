//! Draws a screen. Texts have been escaped, and each stands in an area of its own: a text of
//! unexpected width moves no other.

use ratatui::{
    Frame,
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier, Style},
};
use unicode_width::UnicodeWidthStr;

use super::{
    Facts, Pane, Rows, Watch,
    columns::{Column, gap, widths},
    head::Tone,
    help,
    layout::{Wish, places},
    rows::{Row, columns_of},
    state::Mode,
};
use crate::view::page::cut;

/// Least columns and lines of a terminal.
pub const LEAST: (u16, u16) = (40, 13);

/// Everything that a screen shows.
pub struct Screen<'a> {
    /// The facts about the file.
    pub facts: &'a Facts<'a>,
    /// The rows of the lists.
    pub rows: &'a Rows,
    /// The lines of the details that [`Watch::details`] asks for.
    pub details: &'a [String],
    /// The choices of the user.
    pub watch: &'a Watch,
    /// True if it has colours.
    pub styled: bool,
}

/// Lines above the lists, and lines below.
const HEAD: u16 = 2;
const FOOT: u16 = 1;

impl Screen<'_> {
    /// Returns the lines that details have on a screen.
    pub fn room(height: u16) -> usize {
        usize::from(height.saturating_sub(HEAD + FOOT + 1))
    }
}

/// Draws a screen.
pub fn draw(frame: &mut Frame<'_>, screen: &Screen<'_>) {
    let area = frame.area();
    let brush = Brush {
        buffer: frame.buffer_mut(),
        styled: screen.styled,
    };
    brush.screen(area, screen);
}

/// A buffer with its colours.
struct Brush<'b> {
    buffer: &'b mut Buffer,
    styled: bool,
}

impl Brush<'_> {
    fn screen(mut self, area: Rect, screen: &Screen<'_>) {
        if area.width < LEAST.0 || area.height < LEAST.1 {
            let (width, height) = LEAST;
            let words = [
                "too small for lists:".to_owned(),
                format!("{width} columns and {height} lines"),
                "at least. q leaves".to_owned(),
            ];
            for (line, text) in (area.y..area.bottom()).zip(&words) {
                self.text(area.x, line, area.width, text, Style::new());
            }
            return;
        }
        self.head(area, screen.facts);
        let inner = Rect {
            y: area.y + HEAD,
            height: area.height - HEAD - FOOT,
            ..area
        };
        match &screen.watch.mode {
            Mode::Lists | Mode::Filter { .. } => self.lists(inner, screen),
            Mode::Details { pane, .. } => {
                let count = screen.details.len();
                let room = Screen::room(area.height);
                let from = screen.watch.first_line(count, room);
                let until = count.min(from + room);
                let title = match count > room {
                    true => format!("{}, lines {}–{until} of {count}", pane.title(), from + 1),
                    false => pane.title().to_owned(),
                };
                self.title(inner, &title, true);
                let lines = screen.details.iter().map(String::as_str);
                self.lines(inner, lines.skip(from));
            }
            Mode::Help => {
                self.title(inner, "Keys", true);
                self.lines(inner, help::LINES.into_iter());
            }
        }
        let foot = screen.facts.foot(screen.watch);
        let style = Style::new().add_modifier(Modifier::DIM);
        let style = match &screen.watch.mode {
            Mode::Filter { .. } => Style::new().add_modifier(Modifier::BOLD),
            Mode::Lists | Mode::Details { .. } | Mode::Help => style,
        };
        self.text(area.x, area.bottom() - FOOT, area.width, &foot, style);
    }

    fn head(&mut self, area: Rect, facts: &Facts<'_>) {
        let (state, tone) = facts.state();
        let width = u16::try_from(state.width()).unwrap_or(u16::MAX);
        // The state is never cut in favour of a name.
        let room = area.width.saturating_sub(width + 2);
        let title = format!("tracer watch {}", facts.title());
        let bold = Style::new().add_modifier(Modifier::BOLD);
        self.text(area.x, area.y, room, &title, bold);
        let style = match tone {
            Tone::Good => self.coloured(bold, Color::Green),
            Tone::Plain => bold,
            Tone::Bad => self.coloured(bold, Color::Red),
        };
        let from = area.right().saturating_sub(width).max(area.x);
        self.text(from, area.y, width.min(area.width), &state, style);
        self.text(
            area.x,
            area.y + 1,
            area.width,
            &facts.summary(),
            Style::new(),
        );
    }

    fn lists(&mut self, area: Rect, screen: &Screen<'_>) {
        let wishes = Pane::ALL.map(|pane| Wish {
            above: 1 + u16::from(has_headings(pane)),
            rows: u16::try_from(screen.rows.of_pane(pane).len()).unwrap_or(u16::MAX),
        });
        let places = places(area, wishes, screen.watch.pane);
        for (pane, place) in Pane::ALL.into_iter().zip(places) {
            self.list(place, pane, screen);
        }
    }

    fn list(&mut self, area: Rect, pane: Pane, screen: &Screen<'_>) {
        let rows = screen.rows.of_pane(pane);
        let columns = columns_of(pane);
        let has_focus = screen.watch.pane == pane;
        let above = 1 + u16::from(has_headings(pane));
        let room = usize::from(area.height.saturating_sub(above));
        let chosen = screen.watch.chosen(pane, rows_of(screen));
        // A page turns when its last row is passed.
        let from = match room {
            0 => 0,
            room => (chosen / room * room).min(rows.len().saturating_sub(room)),
        };
        let until = rows.len().min(from + room);
        let title = match rows.len() {
            0 => pane.title().to_owned(),
            count if count > room => {
                format!("{}, {}–{until} of {count}", pane.title(), from + 1)
            }
            count => format!("{}: {count}", pane.title()),
        };
        self.title(area, &title, has_focus);
        if rows.is_empty() {
            let is_filtered = !screen.watch.filter.is_empty();
            let dim = Style::new().add_modifier(Modifier::DIM);
            let text = pane.empty(is_filtered);
            if area.height > 1 {
                self.text(area.x, area.y + 1, area.width, text, dim);
            }
            return;
        }
        let cells = rows.iter().map(|row| row.cells.as_slice());
        let widths = widths(columns, cells, usize::from(area.width));
        if above > 1 && area.height > 1 {
            let headings = columns.iter().map(|column| column.heading);
            let dim = Style::new().add_modifier(Modifier::DIM);
            self.cells(area, area.y + 1, columns, &widths, headings, dim);
        }
        let shown = rows.get(from..until).unwrap_or_default();
        for ((line, row), place) in (area.y + above..area.bottom()).zip(shown).zip(from..) {
            self.row(
                area,
                line,
                row,
                columns,
                &widths,
                has_focus && place == chosen,
            );
        }
    }

    fn row(
        &mut self,
        area: Rect,
        line: u16,
        row: &Row,
        columns: &[Column],
        widths: &[Option<usize>],
        is_chosen: bool,
    ) {
        let style = match row.is_bad {
            true => self.coloured(Style::new(), Color::Red),
            false => Style::new(),
        };
        let style = match is_chosen {
            true => style.add_modifier(Modifier::REVERSED),
            false => style,
        };
        if is_chosen {
            let whole = Rect {
                y: line,
                height: 1,
                ..area
            };
            self.buffer.set_style(whole, style);
        }
        let cells = row.cells.iter().map(String::as_str);
        self.cells(area, line, columns, widths, cells, style);
    }

    fn cells<'c>(
        &mut self,
        area: Rect,
        line: u16,
        columns: &[Column],
        widths: &[Option<usize>],
        cells: impl Iterator<Item = &'c str>,
        style: Style,
    ) {
        let mut at = usize::from(area.x);
        let end = usize::from(area.right());
        for ((column, width), cell) in columns.iter().zip(widths).zip(cells) {
            let Some(width) = width else { continue };
            let width = (*width).min(end.saturating_sub(at));
            let taken = cell.width().min(width);
            let from = match column.is_right {
                true => at + width - taken,
                false => at,
            };
            let (from, room) = (narrow(from), narrow(at + width - from));
            self.text(from, line, room, cell, style);
            at += width + gap(usize::from(area.width));
        }
    }

    /// Draws a title with a rule behind it.
    fn title(&mut self, area: Rect, title: &str, has_focus: bool) {
        let style = match has_focus {
            true => self.coloured(Style::new().add_modifier(Modifier::BOLD), Color::Cyan),
            false => Style::new(),
        };
        let mark = if has_focus { "▸ " } else { "  " };
        let text = format!("{mark}{title} ");
        let taken = narrow(text.width());
        self.text(area.x, area.y, area.width, &text, style);
        let rule = "─".repeat(usize::from(area.width.saturating_sub(taken)));
        let dim = Style::new().add_modifier(Modifier::DIM);
        self.text(area.x.saturating_add(taken), area.y, area.width, &rule, dim);
    }

    /// Draws lines below a title.
    fn lines<'l>(&mut self, area: Rect, lines: impl Iterator<Item = &'l str>) {
        for (y, line) in (area.y + 1..area.bottom()).zip(lines) {
            self.text(area.x, y, area.width, line, Style::new());
        }
    }

    /// Draws a text, cut with an ellipsis.
    fn text(&mut self, x: u16, y: u16, width: u16, text: &str, style: Style) {
        let text = cut(text.to_owned(), usize::from(width));
        self.buffer
            .set_stringn(x, y, text, usize::from(width), style);
    }

    fn coloured(&self, style: Style, colour: Color) -> Style {
        match self.styled {
            true => style.fg(colour),
            false => style,
        }
    }
}

fn rows_of<'a>(screen: &Screen<'a>) -> &'a Rows {
    screen.rows
}

fn has_headings(pane: Pane) -> bool {
    columns_of(pane)
        .iter()
        .any(|column| !column.heading.is_empty())
}

fn narrow(columns: usize) -> u16 {
    u16::try_from(columns).unwrap_or(u16::MAX)
}
