//! All codes, in order. A code is never used again for something else; its page stands under `pages/`.

/// A code and its page.
#[derive(Debug)]
pub struct Code {
    /// `MC0101`.
    pub id: &'static str,
    /// Markdown: what is wrong, what Envoy, Istio or Kubernetes does with it, how to mend it.
    pub page: &'static str,
}

impl Code {
    /// What the code stands for: the page's title without its number.
    #[must_use]
    pub fn title(&self) -> &'static str {
        let line = self.page.lines().next().unwrap_or_default();
        line.split_once(": ").map_or(line, |(_, title)| title)
    }

    /// The code that is written `id`, in whatever case.
    #[must_use]
    pub fn find(id: &str) -> Option<&'static Self> {
        CODES.iter().find(|code| code.id.eq_ignore_ascii_case(id))
    }
}

macro_rules! codes {
    ($($id:literal)*) => {
        /// All codes, in order: 01 the spec, 02 the mesh, 03 the module, 04 the limits, 05 the base, 06 the dry run, 07 `out/`.
        pub const CODES: &[Code] = &[$(Code { id: $id, page: include_str!(concat!("pages/", $id, ".md")) }),*];
    };
}

codes! {
    "MC0101" "MC0102" "MC0103" "MC0104" "MC0105" "MC0106" "MC0107" "MC0108" "MC0109"
    "MC0110" "MC0111" "MC0112" "MC0113" "MC0114" "MC0115" "MC0116" "MC0117" "MC0118"
    "MC0119" "MC0120" "MC0121" "MC0122"
    "MC0201" "MC0202" "MC0203" "MC0204" "MC0205" "MC0206" "MC0207" "MC0208" "MC0209" "MC0210"
    "MC0211" "MC0212" "MC0213" "MC0214" "MC0215" "MC0216" "MC0217" "MC0218" "MC0219" "MC0220" "MC0221" "MC0222"
    "MC0301" "MC0302" "MC0303" "MC0304" "MC0305" "MC0306" "MC0307" "MC0308" "MC0309"
    "MC0310" "MC0311" "MC0312" "MC0313" "MC0314" "MC0315" "MC0316" "MC0317" "MC0318"
    "MC0401" "MC0402" "MC0404"
    "MC0501"
    "MC0601" "MC0602" "MC0603" "MC0604" "MC0605" "MC0606" "MC0607" "MC0608" "MC0609" "MC0610"
    "MC0611" "MC0612" "MC0613" "MC0614" "MC0615" "MC0616" "MC0617" "MC0618"
    "MC0701" "MC0702" "MC0703" "MC0704" "MC0705" "MC0706" "MC0707" "MC0708"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_each_stands_once() {
        for pair in CODES.windows(2) {
            assert!(pair[0].id < pair[1].id, "{} stands before {}", pair[0].id, pair[1].id);
        }
    }

    #[test]
    fn codes_are_found_in_any_case() {
        assert_eq!(Code::find("mc0102").map(|code| code.id), Some("MC0102"));
        assert!(Code::find("MC0100").is_none());
    }

    #[test]
    fn every_page_has_the_form_of_a_page() {
        for Code { id, page } in CODES {
            let title = page.lines().next().and_then(|line| line.strip_prefix(&format!("# {id}: ")));
            assert!(title.is_some_and(|title| !title.trim().is_empty()), "{id}: the first line is no title");
            assert_ne!(title, Some("to be written"), "{id}: a stub");
            let sections: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
            assert!(
                matches!(
                    sections[..],
                    ["What happens otherwise", "Fix"] | ["What happens otherwise", "Example", "Fix"]
                ),
                "{id}: {sections:?}"
            );
            assert!(page.ends_with('\n') && !page.ends_with("\n\n"), "{id}: one line end ends the page");
            for line in page.lines() {
                assert!(line.chars().count() <= 100, "{id}: over 100 columns: {line}");
                assert_eq!(line, line.trim_end(), "{id}: blanks at the end of a line");
            }
        }
    }
}
