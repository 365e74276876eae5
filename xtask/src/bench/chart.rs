//! The chart: a small SVG file with bars, which is readable on a light and on a dark page.

use std::fmt::Write as _;

use super::results::*;
use crate::statistics::Summary;

/// The metrics in the chart, if they were measured, with their titles.
const CHARTED: [(Metric, &str); 6] = [
    (HANDSHAKE, "Process start to handshake line, ms"),
    (SCHEMA, "Process start to schema, ms"),
    (PLAN, "Time added to a plan with one data source, ms"),
    (ALIASES_RESIDENT, "Memory of all processes with 17 aliases, MiB"),
    (CPU, "CPU time of 1,000 reads, s"),
    (SIZE, "Size of the executable, MiB"),
];

/// The colours of the bars. All have a contrast of at least 3 to a white and to a dark page.
const BARS: [&str; 5] = ["#d9680f", "#3b82f6", "#0f9488", "#a855f7", "#d6409f"];

/// The colour of the text, with a contrast of at least 4 to both pages.
const TEXT: &str = "#787878";

/// The width of each of two columns.
const WIDTH: usize = 360;
/// The left end of the bars. The names of the providers are before it.
const LEFT: usize = 116;
const LONGEST_BAR: f64 = 170.0;
const BAR_HEIGHT: usize = 12;
const ROW_HEIGHT: usize = 18;
const TITLE_HEIGHT: usize = 22;
const GAP: usize = 12;

/// Writes a chart with the medians of some providers. A thin line shows the confidence interval. Shorter bars are better.
pub fn svg(results: &Results, providers: &[usize]) -> String {
    let height = TITLE_HEIGHT + ROW_HEIGHT * providers.len() + GAP;
    let titles: Vec<_> = providers.iter().map(|provider| results.titles[*provider].as_str()).collect();
    let mut charts = String::new();
    let mut count = 0;
    for (metric, title) in CHARTED {
        if let Some(bars) = bars(results, providers, metric) {
            let (x, y) = (count % 2 * WIDTH, count / 2 * height);
            let title = escape(title);
            let _ = writeln!(
                charts,
                "<g transform=\"translate({x} {y})\">\n<text y=\"14\" class=\"t\">{title}</text>"
            );
            let _ = writeln!(charts, "{bars}</g>");
            count += 1;
        }
    }
    let (width, height) = (2 * WIDTH, count.div_ceil(2) * height);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\">\n<title>Measurements of {} (shorter is better)</title>\n\
         <style>text{{font:12px system-ui,sans-serif;fill:{TEXT}}}.t{{font-weight:600}}</style>\n{charts}</svg>\n",
        escape(&titles.join(", "))
    )
}

/// The bars of a metric. None if there is nothing to show.
fn bars(results: &Results, providers: &[usize], metric: Metric) -> Option<String> {
    let rows = providers.iter().enumerate();
    let rows = rows.filter_map(|(row, &provider)| Some((row, provider, results.summary(metric, provider)?)));
    let rows: Vec<_> = rows.collect();
    let longest = rows.iter().map(|(.., summary)| summary.high).fold(0.0, f64::max);
    if longest <= 0.0 {
        return None;
    }
    let scale = |value: f64| (value / longest * LONGEST_BAR).max(0.0);
    let mut bars = String::new();
    for (row, provider, Summary { low, median, high }) in rows {
        let (y, name) = (TITLE_HEIGHT + row * ROW_HEIGHT, escape(&results.titles[provider]));
        let (text_y, middle, names_end) = (y + 10, y + BAR_HEIGHT / 2, LEFT - 8);
        let colour = BARS[row % BARS.len()];
        let (start, end) = (LEFT as f64 + scale(low), LEFT as f64 + scale(high));
        let _ = write!(
            bars,
            "<text x=\"{names_end}\" y=\"{text_y}\" text-anchor=\"end\">{name}</text>\n\
             <rect x=\"{LEFT}\" y=\"{y}\" width=\"{:.1}\" height=\"{BAR_HEIGHT}\" rx=\"2\" fill=\"{colour}\"/>\n\
             <path d=\"M{start:.1} {middle}H{end:.1}\" stroke=\"{TEXT}\" stroke-width=\"2\"/>\n\
             <text x=\"{:.1}\" y=\"{text_y}\">{}</text>\n",
            scale(median).max(1.0),
            end + 6.0,
            number(median)
        );
    }
    Some(bars)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The relative luminance of a colour (WCAG 2.2).
    fn luminance(colour: &str) -> f64 {
        let channel = |index: usize| {
            let value = f64::from(u8::from_str_radix(&colour[index..index + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn colours_are_readable_on_light_and_dark_pages() {
        let contrast = |colour: &str, page: &str| {
            let (one, other) = (luminance(colour) + 0.05, luminance(page) + 0.05);
            one.max(other) / one.min(other)
        };
        assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 0.01);
        // The pages of GitHub in both themes.
        for page in ["#ffffff", "#0d1117"] {
            assert!(contrast(TEXT, page) >= 4.0, "{page} {}", contrast(TEXT, page));
            for bar in BARS {
                assert!(contrast(bar, page) >= 3.0, "{bar} {page} {}", contrast(bar, page));
            }
        }
    }

    fn results() -> Results {
        let mut results = Results::new(vec!["a & <b>".to_owned(), "c".to_owned()]);
        for value in [1.0, 2.0, 4.0] {
            results.record(HANDSHAKE, 0, value);
            results.record(HANDSHAKE, 1, 10.0 * value);
            // A difference can be negative.
            results.record(PLAN, 1, -value);
        }
        results
    }

    #[test]
    fn bars_have_the_proportions_of_the_medians() {
        let text = svg(&results(), &[0, 1]);
        let widths = text.split("<rect ").skip(1).map(|rest| {
            let width = rest.split_once("width=\"").unwrap().1;
            width.split_once('"').unwrap().0.parse::<f64>().unwrap()
        });
        // The longest bar and its interval fit: 40 is the end of the interval.
        assert_eq!(widths.collect::<Vec<_>>(), [LONGEST_BAR * 2.0 / 40.0, LONGEST_BAR * 20.0 / 40.0]);
        assert!(text.contains(">2.00</text>") && text.contains(">20.0</text>"), "{text}");
        // The plan has no positive value, and the other metrics were not measured.
        assert_eq!(text.matches("class=\"t\"").count(), 1, "{text}");
        // A provider that is not shown needs no row.
        let text = svg(&results(), &[1]);
        assert!(text.contains("of c (") && text.contains(&format!("y=\"{TITLE_HEIGHT}\" width=")), "{text}");
        assert!(!text.contains(">2.00</text>") && text.contains(">20.0</text>"), "{text}");
    }

    #[test]
    fn chart_is_a_small_well_formed_file() {
        let mut results = results();
        for (metric, _) in CHARTED {
            results.record(metric, 0, 7.0);
            results.record(metric, 1, 8.0);
        }
        let text = svg(&results, &[0, 1]);
        assert!(text.len() < 8000, "{}", text.len());
        assert!(text.contains("a &amp; &lt;b&gt;"));
        assert!(text.contains(&format!("height=\"{}\" viewBox", 3 * (TITLE_HEIGHT + 2 * ROW_HEIGHT + GAP))));
        // Each tag is closed, in the right order.
        let mut open = Vec::new();
        for tag in text.split('<').skip(1) {
            let (tag, _) = tag.split_once('>').unwrap();
            let name = tag.trim_start_matches('/').split_whitespace().next().unwrap();
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name), "{text}");
            } else if !tag.ends_with('/') {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}
