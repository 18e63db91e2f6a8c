//! Names of images with expressions and variables in them, as workflows and their scripts write them.

/// The characters that stand in no expression, each with where.
fn outside(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut end = 0;
    text.char_indices().filter(move |(at, _)| {
        if *at >= end && text[*at..].starts_with("${{") {
            end = text[*at..].find("}}").map_or(text.len(), |close| at + close + 2);
        }
        *at >= end
    })
}

/// What stands before the first slash that is in no expression, and whether there is one.
pub(super) fn before_slash(image: &str) -> (&str, bool) {
    let slash = outside(image).find(|(_, c)| *c == '/');
    slash.map_or((image, false), |(at, _)| (&image[..at], true))
}

/// The name without tag and digest.
pub(super) fn without_tag(image: &str) -> &str {
    let slash = outside(image).filter(|(_, c)| *c == '/').last().map_or(0, |(at, _)| at);
    let end = outside(image).find(|(at, c)| *at >= slash && matches!(c, ':' | '@'));
    end.map_or(image, |(at, _)| &image[..at])
}

/// A text of a script in which variables stand as the forge's expressions, so that they are looked up alike.
pub(super) fn as_expressions(text: &str) -> String {
    let (mut done, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('$') {
        done.push_str(before);
        let inner = after.strip_prefix('{').unwrap_or(after);
        let name = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(inner, |end| &inner[..end]);
        let behind = &inner[name.len()..];
        let behind = if inner.len() == after.len() { Some(behind) } else { behind.strip_prefix('}') };
        if let Some(behind) = behind.filter(|_| !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())) {
            done.extend(["${{ env.", name, " }}"]);
            rest = behind;
        } else {
            // An expression already, or something that only a shell knows.
            let end = if after.starts_with("{{") { after.find("}}").map_or(after.len(), |end| end + 2) } else { 0 };
            done.push('$');
            done.push_str(&after[..end]);
            rest = &after[end..];
        }
    }
    done + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_says_its_registry_before_the_first_slash() {
        assert_eq!(before_slash("ghcr.io/a/b:1"), ("ghcr.io", true));
        assert_eq!(before_slash("${{ env.A || 'x/y' }}/b"), ("${{ env.A || 'x/y' }}", true));
        assert_eq!(before_slash("$IMAGE"), ("$IMAGE", false));
    }

    #[test]
    fn an_image_is_named_without_its_tag() {
        assert_eq!(without_tag("localhost:5000/a/b:1"), "localhost:5000/a/b");
        assert_eq!(without_tag("ghcr.io/${{ a && 'x:y' }}@sha256:1"), "ghcr.io/${{ a && 'x:y' }}");
        assert_eq!(without_tag("a:${{ env.V }}"), "a");
        assert_eq!(without_tag("${{ env.A"), "${{ env.A");
    }

    #[test]
    fn variables_of_a_shell_are_looked_up_as_those_of_the_forge() {
        assert_eq!(as_expressions("$A.${B}-x"), "${{ env.A }}.${{ env.B }}-x");
        assert_eq!(as_expressions("${{ env.A }}/$(b) $1 ${C:-d}"), "${{ env.A }}/$(b) $1 ${C:-d}");
    }
}
