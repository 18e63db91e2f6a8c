//! As much of protocol buffers as the messages need that are read and written here.
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

/// A field's value, as it is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'m> {
    Number(u64),
    Bytes(&'m [u8]),
}

impl<'m> Value<'m> {
    /// The bytes of a text or message; none of a number.
    pub(super) fn bytes(self) -> &'m [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(_) => &[],
        }
    }

    /// For people: what is no text becomes one.
    pub(super) fn text(self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }
}

/// The fields of a message, by number, in their order; ends early where it is broken.
pub(super) struct Fields<'m>(pub(super) &'m [u8]);

impl<'m> Iterator for Fields<'m> {
    type Item = (u64, Value<'m>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = number(&mut self.0)?;
        let value = match key & 7 {
            0 => Value::Number(number(&mut self.0)?),
            1 => Value::Bytes(self.0.split_off(..8)?),
            2 => {
                let length = usize::try_from(number(&mut self.0)?).ok()?;
                Value::Bytes(self.0.split_off(..length)?)
            }
            5 => Value::Bytes(self.0.split_off(..4)?),
            _ => return None,
        };
        Some((key >> 3, value))
    }
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *rest.split_off_first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// A message of one field that holds these bytes.
pub(super) fn message(field: u8, content: &[u8]) -> Vec<u8> {
    let mut message = vec![field << 3 | 2];
    let mut length = content.len();
    while length > 0x7f {
        message.push(low_bits(length) | 0x80);
        length >>= 7;
    }
    message.push(low_bits(length));
    message.extend_from_slice(content);
    message
}

/// The lowest seven bits.
fn low_bits(number: usize) -> u8 {
    number.to_le_bytes()[0] & 0x7f
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        for length in [0, 1, 127, 128, 300, 70_000] {
            let content = vec![7; length];
            assert_eq!(Fields(&message(4, &content)).collect::<Vec<_>>(), [(4, Value::Bytes(&content))]);
        }
    }

    #[test]
    fn numbers_and_unknown_fields_are_passed_over_and_a_broken_end_ends_it() {
        let fields: Vec<_> = Fields(&[0x08, 0xac, 0x02, 0x15, 1, 2, 3, 4, 0x1a, 9, 1]).collect();
        assert_eq!(fields, [(1, Value::Number(300)), (2, Value::Bytes(&[1, 2, 3, 4]))]);
        assert_eq!(Fields(&[0xff; 20]).count(), 0);
    }
}
