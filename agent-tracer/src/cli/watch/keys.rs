//! Translates keys of a terminal.

use agent_tracer::view::watch::Press;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// The meaning of a key.
pub(super) enum Key {
    /// A press for the screens.
    Press(Press),
    /// Ctrl-Z: stops this process until the shell continues it.
    Stop,
    /// Ctrl-L: draws everything again.
    Again,
}

/// Returns the meaning of a key; none for one without a meaning, and for its release.
pub(super) fn meaning(key: KeyEvent) -> Option<Key> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        let KeyCode::Char(letter) = key.code else {
            return None;
        };
        return match letter {
            'c' | 'd' => Some(Key::Press(Press::Interrupt)),
            'u' => Some(Key::Press(Press::Clear)),
            'h' => Some(Key::Press(Press::Erase)),
            'z' => Some(Key::Stop),
            'l' => Some(Key::Again),
            _ => None,
        };
    }
    let press = match key.code {
        KeyCode::Up => Press::Up,
        KeyCode::Down => Press::Down,
        KeyCode::PageUp => Press::PageUp,
        KeyCode::PageDown => Press::PageDown,
        KeyCode::Home => Press::Home,
        KeyCode::End => Press::End,
        KeyCode::Tab | KeyCode::Right => Press::Next,
        KeyCode::BackTab | KeyCode::Left => Press::Previous,
        KeyCode::Enter => Press::Enter,
        KeyCode::Esc => Press::Escape,
        KeyCode::Backspace => Press::Erase,
        KeyCode::Char(letter) => Press::Character(letter),
        _ => return None,
    };
    Some(Key::Press(press))
}
