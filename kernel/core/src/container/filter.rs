//! Which system calls a process may make: a list of rules, of which the first that fits decides.
//!
//! What it says of a number alone, whatever the arguments, is worked out once: a bit for each number that is always
//! allowed. So most calls are a look at that bit, as in Linux since 5.11; the rules are gone through for the rest.

/// Words that a call can have besides its number.
pub const ARGUMENTS: usize = 5;

/// The most rules of a filter.
pub const MAX_RULES: usize = 16;

/// Numbers that have a bit.
pub const NUMBERS: u64 = u64::BITS as u64;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is made.
    Allow,
    /// It is not made, and answered so.
    Refuse,
    /// It ends the process.
    End,
}

/// What an argument is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// Whatever it is.
    Any,
    /// It is this.
    Equal(u64),
    /// It is less.
    Below(u64),
    /// These bits of it are those.
    Masked {
        /// Which bits count.
        mask: u64,
        /// What they are; none besides.
        value: u64,
    },
}

impl Test {
    /// Whether no argument fits: no number is less than 0, and a bit that does not count is never that of a value.
    const fn is_void(self) -> bool {
        match self {
            Self::Any | Self::Equal(_) => false,
            Self::Below(end) => end == 0,
            Self::Masked { mask, value } => value & !mask != 0,
        }
    }
}

/// One rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The call's number.
    pub call: u64,
    /// Which argument, from 0 on.
    pub argument: usize,
    /// What it is held against.
    pub test: Test,
    /// What becomes of a call that fits.
    pub action: Action,
}

impl Rule {
    /// Of a call, whatever its arguments.
    pub const fn of(call: u64, action: Action) -> Self {
        Self { call, argument: 0, test: Test::Any, action }
    }

    /// Of a call whose `argument` fits `test`.
    pub const fn where_argument(call: u64, argument: usize, test: Test, action: Action) -> Self {
        Self { call, argument, test, action }
    }
}

/// A rule as it is gone through: one question for every kind of test.
#[derive(Clone, Copy, Debug)]
struct Step {
    call: u64,
    argument: usize,
    /// It fits where these bits of the argument,
    mask: u64,
    /// less this,
    from: u64,
    /// are less than this.
    width: u64,
    action: Action,
}

impl Step {
    /// Of no call: behind the last.
    const NONE: Self = Self { call: u64::MAX, argument: 0, mask: 0, from: 0, width: 0, action: Action::End };

    const fn of(rule: Rule) -> Self {
        let Rule { call, argument, test, action } = rule;
        let (mask, from, width) = match test {
            Test::Any => (0, 0, 1),
            Test::Equal(value) => (u64::MAX, value, 1),
            Test::Below(end) => (u64::MAX, 0, end),
            Test::Masked { mask, value } => (mask, value, 1),
        };
        Self { call, argument, mask, from, width, action }
    }

    fn fits(&self, number: u64, arguments: &[u64; ARGUMENTS]) -> bool {
        self.call == number
            && arguments
                .get(self.argument)
                .is_some_and(|argument| (argument & self.mask).wrapping_sub(self.from) < self.width)
    }
}

/// A filter.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// Bit n: call n is allowed, whatever its arguments.
    always: u64,
    steps: [Step; MAX_RULES],
    rules: usize,
    otherwise: Action,
}

/// Why rules make no filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadFilter {
    /// There are more than [`MAX_RULES`].
    TooManyRules,
    /// A rule asks for an argument that no call has.
    NoSuchArgument,
    /// No argument fits a rule's test: it would never decide, and whoever wrote it thinks that it does.
    VoidTest,
}

impl Filter {
    /// A filter of `rules`; what none of them fits comes to `otherwise`.
    ///
    /// # Errors
    ///
    /// [`BadFilter`]: so what a call costs has a bound, and no call meets a rule that can not be held.
    pub const fn new(rules: &[Rule], otherwise: Action) -> Result<Self, BadFilter> {
        if rules.len() > MAX_RULES {
            return Err(BadFilter::TooManyRules);
        }
        let mut steps = [Step::NONE; MAX_RULES];
        let mut at = 0;
        while at < rules.len() {
            if rules[at].argument >= ARGUMENTS {
                return Err(BadFilter::NoSuchArgument);
            }
            if rules[at].test.is_void() {
                return Err(BadFilter::VoidTest);
            }
            steps[at] = Step::of(rules[at]);
            at += 1;
        }
        let mut always = 0;
        let mut number = 0;
        while number < NUMBERS {
            if matches!(by_number(rules, otherwise, number), Some(Action::Allow)) {
                always |= 1 << number;
            }
            number += 1;
        }
        Ok(Self { always, steps, rules: rules.len(), otherwise })
    }

    /// The numbers of the calls that it lets through whatever their arguments, of those that have a bit.
    pub const fn always(&self) -> u64 {
        self.always
    }

    /// What becomes of a call.
    #[inline(always)]
    pub fn judge(&self, number: u64, arguments: [u64; ARGUMENTS]) -> Action {
        if number < NUMBERS && self.always & 1 << number != 0 {
            return Action::Allow;
        }
        self.go_through_rules(number, arguments)
    }

    fn go_through_rules(&self, number: u64, arguments: [u64; ARGUMENTS]) -> Action {
        let mut steps = self.steps.iter().take(self.rules);
        steps.find(|step| step.fits(number, &arguments)).map_or(self.otherwise, |step| step.action)
    }
}

/// What rules say of a number whatever its arguments; `None` where it depends on them.
const fn by_number(rules: &[Rule], otherwise: Action, number: u64) -> Option<Action> {
    let mut at = 0;
    while at < rules.len() {
        if rules[at].call == number {
            return if matches!(rules[at].test, Test::Any) { Some(rules[at].action) } else { None };
        }
        at += 1;
    }
    Some(otherwise)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOTHING: [u64; ARGUMENTS] = [0; ARGUMENTS];

    #[test]
    fn first_rule_that_fits_decides() {
        const RULES: &[Rule] = &[
            Rule::where_argument(1, 0, Test::Equal(7), Action::Refuse),
            Rule::where_argument(1, 1, Test::Below(10), Action::Allow),
            Rule::of(2, Action::Allow),
            Rule::of(2, Action::End),
        ];
        let filter = Filter::new(RULES, Action::End).expect("a filter");
        assert_eq!(filter.judge(1, [7, 0, 0, 0, 0]), Action::Refuse);
        assert_eq!(filter.judge(1, [6, 9, 0, 0, 0]), Action::Allow);
        assert_eq!(filter.judge(1, [6, 10, 0, 0, 0]), Action::End);
        assert_eq!(filter.judge(2, NOTHING), Action::Allow);
        assert_eq!(filter.judge(3, NOTHING), Action::End);
        assert_eq!(filter.judge(u64::MAX, NOTHING), Action::End);
    }

    #[test]
    fn number_beyond_the_bits_comes_to_what_is_otherwise() {
        const RULES: &[Rule] = &[Rule::of(64, Action::Refuse)];
        let filter = Filter::new(RULES, Action::Allow).expect("a filter");
        assert_eq!(filter.judge(64, NOTHING), Action::Refuse);
        assert_eq!(filter.judge(65, NOTHING), Action::Allow);
        assert_eq!(filter.judge(0, NOTHING), Action::Allow);
    }

    #[test]
    fn masked_argument_is_held_by_its_bits_alone() {
        let test = Test::Masked { mask: 0xff00, value: 0x1200 };
        let rules = [Rule::where_argument(1, 4, test, Action::Allow)];
        let filter = Filter::new(&rules, Action::Refuse).expect("a filter");
        assert_eq!(filter.judge(1, [0, 0, 0, 0, 0xab_1334]), Action::Refuse);
        assert_eq!(filter.judge(1, [0, 0, 0, 0, 0xab_12cd]), Action::Allow);
    }

    #[test]
    fn filter_without_a_bound_is_none() {
        let rules = [Rule::of(1, Action::Allow); MAX_RULES + 1];
        assert_eq!(Filter::new(&rules, Action::End).err(), Some(BadFilter::TooManyRules));
        let rule = Rule::where_argument(1, ARGUMENTS, Test::Any, Action::Allow);
        assert_eq!(Filter::new(&[rule], Action::End).err(), Some(BadFilter::NoSuchArgument));
    }

    #[test]
    fn test_that_no_argument_fits_makes_no_filter() {
        let made = |test| {
            // Behind a rule of the same call that holds, whose test is none.
            let rules = [Rule::of(1, Action::Allow), Rule::where_argument(1, 0, test, Action::End)];
            Filter::new(&rules, Action::Refuse).map(|_| ())
        };
        assert_eq!(made(Test::Masked { mask: 0xff00, value: 0x1201 }), Err(BadFilter::VoidTest));
        assert_eq!(made(Test::Masked { mask: 0, value: 1 << 63 }), Err(BadFilter::VoidTest));
        assert_eq!(made(Test::Masked { mask: 0, value: 0 }), Ok(()));
        assert_eq!(made(Test::Below(0)), Err(BadFilter::VoidTest));
        assert_eq!(made(Test::Below(1)), Ok(()));
    }

    fn action() -> impl Strategy<Value = Action> {
        prop_oneof![Just(Action::Allow), Just(Action::Refuse), Just(Action::End)]
    }

    fn rule() -> impl Strategy<Value = Rule> {
        let test = prop_oneof![
            Just(Test::Any),
            (0..4_u64).prop_map(Test::Equal),
            (0..4_u64).prop_map(Test::Below),
            (0..4_u64, 0..8_u64).prop_map(|(mask, value)| Test::Masked { mask, value }),
        ];
        (0..6_u64, 0..ARGUMENTS, test, action()).prop_map(|(call, argument, test, action)| Rule {
            call,
            argument,
            test,
            action,
        })
    }

    /// What a test says, by its words.
    const fn fits(test: Test, argument: u64) -> bool {
        match test {
            Test::Any => true,
            Test::Equal(value) => argument == value,
            Test::Below(end) => argument < end,
            Test::Masked { mask, value } => argument & mask == value,
        }
    }

    proptest! {
        #[test]
        fn bits_and_steps_say_what_the_rules_say(
            mut rules in prop::collection::vec(rule(), 0..=MAX_RULES),
            otherwise in action(),
            calls in prop::collection::vec((0..80_u64, prop::array::uniform5(0..5_u64)), 1..50),
        ) {
            let some_fits = |test| (0..8_u64).any(|argument| fits(test, argument));
            let filter = match Filter::new(&rules, otherwise) {
                Ok(filter) => filter,
                Err(why) => {
                    prop_assert_eq!(why, BadFilter::VoidTest);
                    prop_assert!(!rules.iter().all(|rule| some_fits(rule.test)));
                    // What is left of them is a filter.
                    rules.retain(|rule| some_fits(rule.test));
                    Filter::new(&rules, otherwise).expect("a filter")
                }
            };
            prop_assert!(rules.iter().all(|rule| some_fits(rule.test)));
            for (number, arguments) in calls {
                let is_held = |rule: &&Rule| rule.call == number && fits(rule.test, arguments[rule.argument]);
                let expected = rules.iter().find(is_held).map_or(otherwise, |rule| rule.action);
                prop_assert_eq!(filter.judge(number, arguments), expected);
                prop_assert_eq!(filter.go_through_rules(number, arguments), expected);
            }
        }
    }
}
