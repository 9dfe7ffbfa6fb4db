//! A tab: what a person does with a page, and what it shows. A test with a tab fails if the page has complained in its console, broken its
//! own security policy, or asked for anything from anywhere but its own server.

use crate::chromium::{Chromium, Event};
use crate::harness::*;
use serde_json::{json, Value};
use std::cell::RefCell;
use std::time::{Duration, Instant};

pub struct Tab {
    chromium: Chromium,
    session: String,
    /// Where all of it has to come from: `http://127.0.0.1:port`.
    origin: String,
    /// Complaints with one of these texts are what the test is about.
    expected: RefCell<Vec<String>>,
}

impl Tab {
    /// An empty one, 1280 by 800 pixels, that is to show pages of this server.
    pub fn open(origin: &str) -> Self {
        let chromium = Chromium::start();
        let call = |session: Option<&str>, method: &str, params: Value| {
            chromium.call(session, method, params).expect("an answer")
        };
        let target = call(None, "Target.createTarget", json!({ "url": "about:blank", "width": 1280, "height": 800 }));
        let attached = call(None, "Target.attachToTarget", json!({ "targetId": target["targetId"], "flatten": true }));
        let session = attached["sessionId"].as_str().expect("a session").to_owned();
        for domain in ["Page", "Runtime", "Network", "Log"] {
            call(Some(&session), &format!("{domain}.enable"), json!({}));
        }
        // As the one that somebody looks at, whatever others there are.
        call(Some(&session), "Emulation.setFocusEmulationEnabled", json!({ "enabled": true }));
        let expected = RefCell::default();
        Self { chromium, session, origin: origin.to_owned(), expected }
    }

    pub fn call(&self, method: &str, params: Value) -> Value {
        self.chromium.call(Some(&self.session), method, params).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs this in each page that comes, before its own scripts.
    pub fn before_scripts(&self, script: &str) {
        self.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script }));
    }

    /// What the page keeps alive: nodes of its documents, listeners, and bytes of its script's values, once garbage was collected.
    pub fn weight(&self) -> [u64; 3] {
        self.call("Performance.enable", json!({}));
        // What a collection lets go of may hold more that the next one finds.
        for _ in 0..3 {
            self.call("HeapProfiler.collectGarbage", json!({}));
        }
        let metrics = self.call("Performance.getMetrics", json!({}));
        let metrics = metrics["metrics"].as_array().expect("a list");
        ["Nodes", "JSEventListeners", "JSHeapUsedSize"].map(|name| {
            let metric = metrics.iter().find(|metric| metric["name"] == name).expect("a metric");
            metric["value"].as_f64().expect("a number") as u64
        })
    }

    /// What has to be moved from side to side to be read: the page, or something in it.
    pub fn too_wide(&self) -> String {
        self.string(
            "(() => { const wide = (of) => of.scrollWidth > of.clientWidth + 1;
              const moves = (of) => ['auto', 'scroll'].includes(getComputedStyle(of).overflowX) && wide(of);
              const root = document.documentElement;
              return [...(root.scrollWidth > innerWidth ? [root] : []), ...[...document.body.querySelectorAll('*')].filter(moves)]
                .map((of) => `${of.outerHTML.slice(0, 200)} (${of.scrollWidth} in ${of.clientWidth})`).join(' | '); })()",
        )
    }

    /// Switches scripts of pages off.
    pub fn without_script(self) -> Self {
        self.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
        self
    }

    /// `light` or `dark`, as the person has told the system.
    pub fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// A window of this size in pixels.
    pub fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// A complaint with this text is no failure.
    pub fn expect(&self, text: &str) {
        self.expected.borrow_mut().push(text.to_owned());
    }

    fn loads(&self) -> usize {
        self.chromium.events(&self.session).iter().filter(|event| event.method == "Page.loadEventFired").count()
    }

    /// How often a page was asked for.
    fn departures(&self) -> usize {
        let is_page =
            |event: &&Event| event.method == "Network.requestWillBeSent" && event.params["type"] == "Document";
        self.chromium.events(&self.session).iter().filter(is_page).count()
    }

    /// Does something, and waits until another page has come.
    #[track_caller]
    pub fn moves<T>(&self, act: impl FnOnce() -> T) -> T {
        let before = self.loads();
        let done = act();
        wait_until(&format!("another page than {} has come", self.address()), || self.loads() > before);
        done
    }

    /// Opens an address of the server.
    #[track_caller]
    pub fn go(&self, path: &str) {
        let url = format!("{}{path}", self.origin);
        let answer = self.moves(|| self.call("Page.navigate", json!({ "url": url })));
        assert!(answer.get("errorText").is_none(), "{url}: {answer}");
    }

    /// The value of an expression of JavaScript, if there is one by now: while another page comes there may be none.
    fn evaluated(&self, expression: &str) -> Result<Value, String> {
        let params = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.chromium.call(Some(&self.session), "Runtime.evaluate", params)?;
        match answer.get("exceptionDetails") {
            Some(details) => Err(details.to_string()),
            None => Ok(answer["result"]["value"].clone()),
        }
    }

    /// The value of an expression of JavaScript. It works in pages without script, too.
    #[track_caller]
    pub fn eval(&self, expression: &str) -> Value {
        self.evaluated(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    #[track_caller]
    fn string(&self, expression: &str) -> String {
        self.eval(expression).as_str().unwrap_or_default().to_owned()
    }

    /// The path and the query of the page.
    #[track_caller]
    pub fn address(&self) -> String {
        self.string("location.pathname + location.search")
    }

    /// All that can be read on it.
    #[track_caller]
    pub fn text(&self) -> String {
        self.string("document.body.innerText")
    }

    /// What can be read in the first element of a selector; empty if there is none.
    #[track_caller]
    pub fn text_of(&self, selector: &str) -> String {
        self.string(&format!("document.querySelector({})?.innerText ?? ''", json!(selector)))
    }

    #[track_caller]
    pub fn count(&self, selector: &str) -> u64 {
        self.eval(&format!("document.querySelectorAll({}).length", json!(selector))).as_u64().expect("a count")
    }

    /// Waits until the page can be read to say this.
    #[track_caller]
    pub fn shows(&self, text: &str) {
        let mut seen = String::new();
        let shown = "document.body.innerText";
        let is_shown = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until(&format!("the page shows {text:?}"), || {
                seen =
                    self.evaluated(shown).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
                seen.contains(text)
            });
        }));
        assert!(is_shown.is_ok(), "{} does not show {text:?}:\n{seen}", self.address());
    }

    /// Waits until an expression of JavaScript is true.
    #[track_caller]
    pub fn becomes(&self, expression: &str) {
        wait_until(expression, || self.evaluated(expression).is_ok_and(|value| value == true));
    }

    /// Clicks in the middle of the first element of a selector; of a link over several lines, of its first one.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        let place = self.eval(&format!(
            "(() => {{ const of = document.querySelector({}); if (!of) return null; of.scrollIntoView({{ block: 'center', behavior: 'instant' }});
            const box = of.getClientRects()[0]; return [box.x + box.width / 2, box.y + box.height / 2]; }})()",
            json!(selector)
        ));
        assert!(place.is_array(), "{} has no {selector}:\n{}", self.address(), self.text());
        for kind in ["mousePressed", "mouseReleased"] {
            let button = json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", button);
        }
    }

    /// Clicks what leads to another page. On a page that is live it may have moved from under the pointer: then nothing is asked for, and it
    /// is clicked again where it is now.
    #[track_caller]
    pub fn follow(&self, selector: &str) {
        let before = self.departures();
        self.moves(|| {
            wait_until(&format!("{selector} leads anywhere"), || {
                self.click(selector);
                let soon = Instant::now() + Duration::from_secs(2);
                while self.departures() == before && Instant::now() < soon {
                    std::thread::sleep(Duration::from_millis(3));
                }
                self.departures() > before
            });
        });
    }

    /// Puts a text in a field, in place of what is there. What is typed while the page is busy may get lost: then it is typed again.
    #[track_caller]
    pub fn fill(&self, selector: &str, text: &str) {
        let field = format!("document.querySelector({})", json!(selector));
        wait_until(&format!("{selector} has {text:?}"), || {
            self.eval(&format!("{field}.focus(), {field}.select(), true"));
            if text.is_empty() {
                self.press("Delete");
            } else {
                self.call("Input.insertText", json!({ "text": text }));
            }
            self.eval(&format!("{field}.value")) == text
        });
    }

    /// Presses a key: `Tab`, `Shift+Tab`, `Enter`, `Space`, `Delete`, `Escape`, or a letter.
    #[track_caller]
    pub fn press(&self, key: &str) {
        let (name, code, text) = match key {
            "Tab" | "Shift+Tab" => ("Tab", 9, ""),
            "Enter" => ("Enter", 13, "\r"),
            "Escape" => ("Escape", 27, ""),
            "Space" => (" ", 32, " "),
            "Delete" => ("Delete", 46, ""),
            letter => (letter, i32::from(letter.to_uppercase().as_bytes()[0]), letter),
        };
        for kind in ["keyDown", "keyUp"] {
            let shift = if key.starts_with("Shift+") { 8 } else { 0 };
            let mut event = json!({ "type": kind, "key": name, "windowsVirtualKeyCode": code, "modifiers": shift });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// What the page has complained of so far, and what it has asked for elsewhere.
    fn complaints(&self) -> Vec<String> {
        let mut found = Vec::new();
        for event in self.chromium.events(&self.session) {
            let params = &event.params;
            match event.method.as_str() {
                "Runtime.exceptionThrown" => found.push(params["exceptionDetails"].to_string()),
                "Runtime.consoleAPICalled"
                    if matches!(params["type"].as_str(), Some("error" | "warning" | "assert")) =>
                {
                    found.push(params["args"].to_string());
                }
                "Log.entryAdded" if matches!(params["entry"]["level"].as_str(), Some("error" | "warning")) => {
                    found.push(format!("{} {}", params["entry"]["text"], params["entry"]["url"]));
                }
                "Network.requestWillBeSent" => {
                    let url = params["request"]["url"].as_str().unwrap_or_default();
                    if !url.strip_prefix(&self.origin).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
                        found.push(format!("it asked for {url}"));
                    }
                }
                _ => {}
            }
        }
        let expected = self.expected.borrow();
        found.retain(|complaint| !expected.iter().any(|text| complaint.contains(text)));
        found
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.complaints(), Vec::<String>::new());
        }
    }
}
