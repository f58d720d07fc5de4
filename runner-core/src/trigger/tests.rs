//! Tables of what each trigger does, as scripts: a step and what comes of testing the trigger then.
//!
//! Steps: `e` an element, `w` the watermark passes the end of the window, `5` processing time
//! advances by so much. Results: `-` not ready, `!` fires, `x` fires and closes the window.

use super::*;
use whitebeam_sdk::time::micros;
use whitebeam_sdk::trigger::Trigger::{AfterAll, AfterEach, AfterFirst, Default, Never};
use whitebeam_sdk::trigger::{AfterPane, AfterWatermark, repeatedly};

struct Window {
    machine: Machine,
    state: Vec<u64>,
    now: Now,
    timers: Timers,
}

impl Window {
    fn new(trigger: &Trigger, merging: bool) -> Self {
        let machine = compile(trigger, merging);
        Window {
            state: vec![0; machine.words()],
            machine,
            now: Now {
                input_watermark: Timestamp::from_micros(0),
                processing_time: Timestamp::from_micros(0),
                end_of_window: Timestamp::from_micros(9),
            },
            timers: Timers::default(),
        }
    }

    fn step(&mut self, step: &str) {
        match step {
            "e" if Machine::is_closed(&self.state) => {}
            "e" => self
                .machine
                .on_element(&mut self.state, &self.now, &mut self.timers),
            "w" => self.now.input_watermark = self.now.end_of_window.next(),
            delay => {
                let delay = micros(delay.parse().unwrap());
                self.now.processing_time = self.now.processing_time + delay;
            }
        }
    }

    fn test(&mut self) -> char {
        let state = &mut self.state;
        if Machine::is_closed(state) || !self.machine.should_fire(state, &self.now) {
            return '-';
        }
        self.machine.on_fire(state, &self.now);
        if Machine::is_closed(state) { 'x' } else { '!' }
    }

    /// Runs a script; gives it back with the results that were seen.
    fn run(&mut self, script: &str) -> String {
        let steps = script.split_whitespace().map(|word| {
            let step = &word[..word.len() - 1];
            self.step(step);
            format!("{step}{}", self.test())
        });
        steps.collect::<Vec<_>>().join(" ")
    }
}

fn count(n: u64) -> Trigger {
    AfterPane::element_count(n)
}

fn end() -> AfterWatermark {
    AfterWatermark::past_end_of_window()
}

fn after(delay: i64) -> Trigger {
    Trigger::AfterProcessingTime(micros(delay))
}

fn table() -> Vec<(Trigger, &'static str)> {
    let synchronized = || Trigger::AfterSynchronizedProcessingTime;
    vec![
        (Never, "e- w- e-"),
        (Default, "e- w! e! e!"),
        (end().into(), "e- wx e-"),
        (count(2), "e- ex e-"),
        (after(5), "e- 5- 1x"),
        // Armed by the first element, not moved by the second.
        (after(5), "e- 4- e- 1- 1x"),
        (synchronized(), "ex"),
        (repeatedly(synchronized()), "e! 1- e!"),
        (repeatedly(count(2)), "e- e! e- w- e!"),
        (repeatedly(after(5)), "e- 6! 6- e- 5- 1!"),
        (
            repeatedly(AfterFirst(vec![count(2), after(5)])),
            "e- 6! e- e! 6-",
        ),
        (
            repeatedly(AfterAll(vec![count(2), after(5)])),
            "e- 6- e! e- e- 6!",
        ),
        (count(2).or_finally(end()), "e- ex"),
        (repeatedly(count(2)).or_finally(count(5)), "e- e! e- e! ex"),
        (repeatedly(count(2)).or_finally(end()), "e- e! e- wx"),
        (Never.or_finally(count(2)), "e- ex"),
        (AfterEach(vec![count(2), count(1)]), "e- e! ex"),
        // A part sees elements only in its turn.
        (
            AfterEach(vec![count(2), repeatedly(count(2))]),
            "e- e! e- e! e-",
        ),
        (AfterFirst(vec![count(3), end().into()]), "e- wx"),
        (AfterFirst(vec![count(2), Never]), "e- ex"),
        (AfterAll(vec![count(1), end().into()]), "e- wx"),
        (AfterAll(vec![count(1), Never]), "e- w- e-"),
        (end().early(count(2)).into(), "e- e! e- wx e-"),
        (end().late(count(2)).into(), "e- w! e- e! e-"),
        // What the late part would have counted before the end was in the pane that fired there.
        (end().early(count(1)).late(count(2)).into(), "e! w! e- e!"),
        // Repeated firings forget counts, not which parts of a composite had finished.
        (
            end().early(AfterFirst(vec![count(2), Never])).into(),
            "e- e! e! e!",
        ),
        (repeatedly(AfterFirst(vec![count(2), Never])), "e- e! e- e!"),
    ]
}

#[test]
fn each_trigger_fires_when_it_says() {
    for (trigger, script) in table() {
        assert_eq!(
            Window::new(&trigger, false).run(script),
            script,
            "{trigger}"
        );
    }
}

#[test]
fn only_what_waits_for_the_watermark_asks_to_be_woken_by_it() {
    let cases = [
        (Never, false),
        (count(1), false),
        (Default, true),
        (end().into(), true),
        (end().early(count(1)).into(), true),
        (AfterEach(vec![count(1), end().into()]), false),
        (AfterFirst(vec![count(1), end().into()]), true),
    ];
    for (trigger, wanted) in cases {
        let mut window = Window::new(&trigger, false);
        window.step("e");
        assert_eq!(window.timers.end_of_window, wanted, "{trigger}");
        let mut late = Window::new(&trigger, false);
        late.step("w");
        late.step("e");
        assert!(!late.timers.end_of_window, "{trigger} after the end");
    }
}

/// Two windows with their scripts become one that ends later; what the union does then.
fn merged(trigger: &Trigger, sources: [&str; 2], script: &str) -> String {
    let sources = sources.map(|script| {
        let mut source = Window::new(trigger, true);
        source.run(script);
        source
    });
    let mut union = Window::new(trigger, true);
    union.now.end_of_window = Timestamp::from_micros(15);
    for source in &sources {
        let now = &mut union.now;
        now.input_watermark = now.input_watermark.max(source.now.input_watermark);
        now.processing_time = now.processing_time.max(source.now.processing_time);
    }
    let states: Vec<u64> = sources.iter().flat_map(|s| s.state.clone()).collect();
    union
        .machine
        .on_merge(&mut union.state, &states, &union.now, &mut union.timers);
    union.run(script)
}

#[test]
fn unions_inherit_what_each_trigger_says() {
    let cases: Vec<(Trigger, [&str; 2], &str)> = vec![
        (count(5), ["e- e-", "e-"], "e- ex"),
        // Re-armed: the union has an end of its own.
        (repeatedly(end()), ["e- w!", "e-"], "e- w!"),
        (end().late(count(1)).into(), ["e- w!", "e- w!"], "e- w!"),
        // The earliest target.
        (after(5), ["e- 3-", "3- e-"], "2- 1x"),
        // Finished only if all parts are.
        (
            AfterAll(vec![count(2), end().into()]),
            ["e- e-", "e-"],
            "wx",
        ),
        // Goes on at the first part that the merge leaves unfinished.
        (
            AfterEach(vec![count(1), count(2), count(9)]),
            ["e!", "e!"],
            "e- e!",
        ),
        (AfterEach(vec![count(2), count(9)]), ["e-", "e-"], "e! e-"),
        (repeatedly(count(3)), ["e-", "e-"], "e! e-"),
        (
            repeatedly(count(9)).or_finally(count(3)),
            ["e-", "e-"],
            "ex",
        ),
        (Default, ["e-", "e-"], "e- w! e!"),
        (Trigger::AfterSynchronizedProcessingTime, ["", ""], "ex"),
    ];
    for (trigger, sources, script) in cases {
        assert_eq!(merged(&trigger, sources, script), script, "{trigger}");
    }
}

#[test]
fn an_early_phase_that_comes_back_begins_late_firings_anew() {
    let trigger = Trigger::from(
        end()
            .early(count(9))
            .late(AfterFirst(vec![count(2), Never])),
    );
    let mut own = Window::new(&trigger, true);
    assert_eq!(own.run("e- w! e- e! e!"), "e- w! e- e! e!");
    let mut early = Window::new(&trigger, true);
    early.run("e-");
    let late = own.machine.nodes.len() - 3;
    own.state[0] |= 1 << late;
    own.state[2] = 7;
    let states = [own.state.clone(), early.state].concat();
    own.machine
        .on_merge(&mut own.state, &states, &own.now, &mut own.timers);
    assert_eq!(own.state[0] >> late & 1, 0, "late part not finished");
    assert_eq!(own.state[2], 0, "late part has counted nothing");
}

#[test]
fn a_union_is_finished_where_a_count_had_finished_in_any_part() {
    let trigger = AfterFirst(vec![AfterAll(vec![count(1), Never]), Never]);
    let mut source = Window::new(&trigger, true);
    // The inner count finishes on its own account.
    source.state[0] |= 1 << 2;
    let mut union = Window::new(&trigger, true);
    let states = source.state.clone();
    union
        .machine
        .on_merge(&mut union.state, &states, &union.now, &mut union.timers);
    assert_eq!(union.state[0] >> 2 & 1, 1);
}

#[test]
fn more_nodes_than_bits_in_a_word_have_state_of_their_own() {
    let many = AfterEach((0..100).map(|_| count(1)).collect());
    let mut window = Window::new(&many, false);
    let script = ["e!"; 99].join(" ") + " ex";
    assert_eq!(window.run(&script), script);
}
