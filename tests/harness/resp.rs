//! Replies, RESP2 and RESP3, and how a test prints them.
//!
//! The printed form is what transcripts compare: `OK` a status, `'text'` a string, `5` an integer, `nil`, `[a b]` an array,
//! `{k v}` a map, `-ERR …` an error. A RESP3 map is thus never mistaken for a flat array.

use std::fmt;
use std::io::{self, BufRead};

#[derive(Clone, PartialEq)]
pub enum Reply {
    Status(String),
    Error(String),
    Int(i64),
    Bulk(Vec<u8>),
    Nil,
    Array(Vec<Reply>),
    Map(Vec<(Reply, Reply)>),
    Other(char, String),
}

impl Reply {
    /// Reads one whole reply. Any I/O error, timeouts included, leaves the stream unusable.
    pub fn read(from: &mut impl BufRead) -> io::Result<Reply> {
        let mut line = Vec::new();
        from.read_until(b'\n', &mut line)?;
        if line.len() < 3 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
        }
        let rest = String::from_utf8_lossy(&line[1..line.len() - 2]).into_owned();
        let number = || rest.parse::<i64>().map_err(|_| io::Error::other(format!("not a number: {rest:?}")));
        Ok(match line[0] {
            b'+' => Reply::Status(rest),
            b'-' => Reply::Error(rest),
            b':' => Reply::Int(number()?),
            b'_' => Reply::Nil,
            b'$' | b'=' => match number()? {
                -1 => Reply::Nil,
                len => {
                    let mut bytes = vec![0; len as usize + 2];
                    from.read_exact(&mut bytes)?;
                    bytes.truncate(len as usize);
                    Reply::Bulk(if line[0] == b'=' { bytes.split_off(4) } else { bytes })
                }
            },
            b'*' | b'~' | b'>' => match number()? {
                -1 => Reply::Nil,
                len => Reply::Array((0..len).map(|_| Reply::read(from)).collect::<io::Result<_>>()?),
            },
            b'%' => {
                let pair = |_| Ok((Reply::read(from)?, Reply::read(from)?));
                Reply::Map((0..number()?).map(pair).collect::<io::Result<_>>()?)
            }
            kind @ (b',' | b'#' | b'(') => Reply::Other(kind as char, rest),
            kind => return Err(io::Error::other(format!("unknown reply type {:?} {rest:?}", kind as char))),
        })
    }

    /// The integer, or a panic that shows what came instead.
    #[track_caller]
    pub fn int(&self) -> i64 {
        match self {
            Reply::Int(value) => *value,
            other => panic!("expected an integer, got {other}"),
        }
    }

    /// The bytes of a string reply.
    #[track_caller]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Reply::Bulk(bytes) => bytes,
            other => panic!("expected a string, got {other}"),
        }
    }

    /// A string or status as text.
    #[track_caller]
    pub fn text(&self) -> String {
        match self {
            Reply::Status(text) => text.clone(),
            other => String::from_utf8_lossy(other.bytes()).into_owned(),
        }
    }

    /// The elements of an array.
    #[track_caller]
    pub fn items(&self) -> &[Reply] {
        match self {
            Reply::Array(items) => items,
            other => panic!("expected an array, got {other}"),
        }
    }

    /// The value of `name` in a map, or in the flat array that RESP2 makes of one.
    #[track_caller]
    pub fn field(&self, name: &str) -> &Reply {
        let found = match self {
            Reply::Map(pairs) => pairs.iter().find(|(key, _)| key.text() == name).map(|(_, value)| value),
            other => other.items().chunks_exact(2).find(|pair| pair[0].text() == name).map(|pair| &pair[1]),
        };
        found.unwrap_or_else(|| panic!("no field {name} in {self}"))
    }

    pub fn is_error(&self) -> bool {
        matches!(self, Reply::Error(_))
    }
}

/// Bytes between single quotes; what is not printable ASCII as `\x..`.
fn quoted(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("'")?;
    for &byte in bytes {
        match byte {
            b'\'' | b'\\' => write!(f, "\\{}", byte as char)?,
            b' '..=b'~' => write!(f, "{}", byte as char)?,
            _ => write!(f, "\\x{byte:02x}")?,
        }
    }
    f.write_str("'")
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Status(text) => f.write_str(text),
            Reply::Error(text) => write!(f, "-{text}"),
            Reply::Int(value) => write!(f, "{value}"),
            Reply::Bulk(bytes) => quoted(bytes, f),
            Reply::Nil => f.write_str("nil"),
            Reply::Other(kind, text) => write!(f, "{kind}{text}"),
            Reply::Array(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index == 0 { "" } else { " " })?;
                }
                f.write_str("]")
            }
            Reply::Map(pairs) => {
                f.write_str("{")?;
                for (index, (key, value)) in pairs.iter().enumerate() {
                    write!(f, "{}{key} {value}", if index == 0 { "" } else { " " })?;
                }
                f.write_str("}")
            }
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `reply == "[1 'a']"`: compared in the printed form.
impl PartialEq<&str> for Reply {
    fn eq(&self, other: &&str) -> bool {
        let printed = self.to_string();
        printed == *other
    }
}

impl PartialEq<i64> for Reply {
    fn eq(&self, other: &i64) -> bool {
        *self == Reply::Int(*other)
    }
}
