// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestInfo;
import io.dblock.power.Survivors;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class FaultRuleTest {

    /** Records the rules that it is given, and arms none. */
    private static final class Kept extends Faults {
        private final List<FaultRule> rules = new ArrayList<>();
        private final List<Predicate<RequestInfo>> predicates = new ArrayList<>();

        @Override
        public Fault add(FaultRule rule, Predicate<RequestInfo> predicate) {
            rules.add(rule);
            predicates.add(predicate);
            return (Fault) Proxy.newProxyInstance(
                    FaultRuleTest.class.getClassLoader(),
                    new Class<?>[] {Fault.class},
                    (proxy, method, arguments) -> method.getName().equals("name") ? rule.name() : null);
        }

        @Override
        public List<Fault> list() {
            return List.of();
        }

        @Override
        public Optional<Fault> find(String name) {
            return Optional.empty();
        }

        @Override
        public List<Fault> history() {
            return List.of();
        }

        @Override
        public List<Fault> unused() {
            return List.of();
        }

        @Override
        public void clear() {
            rules.clear();
        }

        @Override
        public long seed() {
            return 0;
        }

        @Override
        public void seed(long seed) {}
    }

    private final Kept kept = new Kept();

    static List<Arguments> lines() {
        return List.of(
                line(
                        "on WRITE, file wal/*.log: lose",
                        f -> f.on(Operation.WRITE).file("wal/*.log").lose()),
                line("on WRITE: fail with EIO", f -> f.on(Operation.WRITE).fail(Errno.EIO)),
                line(
                        "\"bad\": on READ or WRITE, sectors 8-15, after 3 requests, at most 1 time: fail with ENODATA after 2"
                                + " sectors",
                        f -> f.on(Operation.WRITE, Operation.READ)
                                .named("bad")
                                .sectors(8, 15)
                                .after(3)
                                .times(1)
                                .failAfter(2, Errno.ENODATA)),
                line(
                        "on any, sector 1: medium error until rewritten",
                        f -> f.onAny().bytes(512, 512).mediumError()),
                line("on WRITE, with FUA and META: lose", f -> f.on(Operation.WRITE)
                        .flags(RequestFlag.META, RequestFlag.FUA)
                        .lose()),
                line(
                        "on WRITE, of 512 to 1024 bytes: tear, doing the first 1 block",
                        f -> f.on(Operation.WRITE).length(512, 1024).tear(Tear.prefix(1))),
                line(
                        "on WRITE, of at least 512 bytes: tear, doing the last 2 blocks",
                        f -> f.on(Operation.WRITE).length(512, Long.MAX_VALUE).tear(Tear.suffix(2))),
                line(
                        "on WRITE, of at most 512 bytes: tear, doing every other block",
                        f -> f.on(Operation.WRITE).length(0, 512).tear(Tear.EVERY_OTHER)),
                line("on WRITE: tear, doing a random subset of the blocks", f -> f.on(Operation.WRITE)
                        .tear(Tear.RANDOM)),
                line("on any: misdirect by +4096 bytes", f -> f.onAny().misdirect(4096)),
                line("on READ: misdirect by -512 bytes", f -> f.on(Operation.READ)
                        .misdirect(-512)),
                line(
                        "on READ, with probability 0.5: read stale data",
                        f -> f.on(Operation.READ).probability(0.5).stale()),
                line("on READ: flip 1 bit per sector", f -> f.on(Operation.READ).flipBits(1)),
                line("on WRITE: fill with garbage", f -> f.on(Operation.WRITE).garbage()),
                line(
                        "on FLUSH, from flush epoch 3: ignore flush and FUA",
                        f -> f.on(Operation.FLUSH).fromFlushEpoch(3).ignoreFlushes()),
                line("on any: delay by 10 ms", f -> f.onAny().delay(Delay.fixed(Duration.ofMillis(10)))),
                line("on any: limit to 100 IOPS", f -> f.onAny().limitIops(100)),
                line("on any: limit to 4096 bytes per second", f -> f.onAny().limitBandwidth(4096)),
                line("on any: full after 8 new blocks", f -> f.onAny().full(8)),
                line(
                        "on any, since mark \"a\", until mark \"b\": read-only",
                        f -> f.onAny().sinceMark("a").untilMark("b").readOnly()),
                line("on FLUSH: hold", f -> f.on(Operation.FLUSH).hold()),
                line("on FLUSH: cut the power before it, surviving: none, once", f -> f.on(Operation.FLUSH)
                        .powerCut(Survivors.NONE)),
                line("on FLUSH: cut the power after it, surviving: all, once", f -> f.on(Operation.FLUSH)
                        .powerCutAfter(Survivors.ALL)),
                line(
                        "on FLUSH, at most 3 times: cut the power before it, surviving: none",
                        f -> f.on(Operation.FLUSH).times(3).powerCut(Survivors.NONE)),
                line("on FLUSH: hold, lenient, falls through, first", f -> f.on(Operation.FLUSH)
                        .lenient()
                        .fallThrough()
                        .first()
                        .hold()));
    }

    private interface Arming {
        Fault arm(Faults faults);
    }

    private static Arguments line(String text, Arming arming) {
        return Arguments.of(text, arming);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("lines")
    void aRuleIsOneReadableLine(String text, Arming arming) {
        arming.arm(kept);
        FaultRule rule = kept.rules.get(0);
        assertThat(rule).hasToString(text);
        arming.arm(kept);
        assertThat(kept.rules.get(1)).isEqualTo(rule).hasSameHashCodeAs(rule);
        assertThat(rule.withName("another"))
                .isNotEqualTo(rule)
                .hasToString("\"another\": " + text.replaceFirst("^\"bad\": ", ""));
        assertThat(rule.operations()).isNotEmpty().isSubsetOf(rule.match().operations());
    }

    @Test
    void aRuleCanBeChanged() {
        FaultRule rule = new FaultRule(Match.on(Operation.READ), new Action.Hold());
        assertThat(rule.withMatch(Match.any()).withAction(new Action.Lose())).hasToString("on any: lose");
    }

    @Test
    void predicatesAreAllToBeTrue() {
        RequestInfo request = new RequestInfo(Operation.READ, 512, 512, Set.of(), 0);
        kept.onAny()
                .matching(r -> r.offset() == 512)
                .matching(r -> r.length() == 512)
                .hold();
        kept.onAny()
                .matching(r -> r.offset() == 512)
                .matching(r -> r.length() == 513)
                .hold();
        kept.onAny().hold();
        assertThat(kept.predicates).extracting(p -> p.test(request)).containsExactly(true, false, true);
    }

    static List<Arguments> refused() {
        return List.of(
                line(
                        "A rule is on no operation. Name some of [READ, WRITE, FLUSH, DISCARD, WRITE_ZEROES, ZONE_REPORT,"
                                + " ZONE_OPEN, ZONE_CLOSE, ZONE_FINISH, ZONE_RESET, ZONE_RESET_ALL, ZONE_APPEND], or use onAny().",
                        f -> f.on().hold()),
                line(
                        "has a range (sectors 0-7), but a FLUSH has no sectors",
                        f -> f.on(Operation.FLUSH).sectors(0, 7).hold()),
                line(
                        "sectors are 8 to 7. Allowed: from 0, the last one",
                        f -> f.onAny().sectors(8, 7).hold()),
                line("sectors are -1 to 7", f -> f.onAny().sectors(-1, 7).hold()),
                line(
                        "offset is 100. Allowed: multiples of a sector",
                        f -> f.onAny().bytes(100, 512).hold()),
                line(
                        "length is 0. Allowed: positive multiples",
                        f -> f.onAny().bytes(0, 0).hold()),
                line("length is 100", f -> f.onAny().bytes(0, 100).hold()),
                line("minLength is -1", f -> f.onAny().length(-1, 0).hold()),
                line(
                        "maxLength is 1. Allowed: at least minLength (2 bytes)",
                        f -> f.onAny().length(2, 1).hold()),
                line("after is -1", f -> f.onAny().after(-1).hold()),
                line("times is 0. Allowed: at least 1", f -> f.onAny().times(0).hold()),
                line(
                        "probability is 0.0. Allowed: above 0, up to 1",
                        f -> f.onAny().probability(0).hold()),
                line(
                        "probability is NaN",
                        f -> f.onAny().probability(Double.NaN).hold()),
                line("probability is 1.5", f -> f.onAny().probability(1.5).hold()),
                line("sinceMark is blank", f -> f.onAny().sinceMark(" ").hold()),
                line("untilMark is blank", f -> f.onAny().untilMark("").hold()),
                line("fromFlushEpoch is -1", f -> f.onAny().fromFlushEpoch(-1).hold()),
                line("The rule's name is \" x\"", f -> f.onAny().named(" x").hold()),
                line("The rule's name is \"a\nb\"", f -> f.onAny().named("a\nb").hold()),
                line(
                        "errno is EPERM, which has no block status: the application would see EIO. Allowed: [EIO,",
                        f -> f.onAny().fail(Errno.EPERM)),
                line("errno is EAGAIN", f -> f.onAny().failAfter(1, Errno.EAGAIN)),
                line("sectors is 0. Allowed: at least 1", f -> f.on(Operation.READ)
                        .failAfter(0, Errno.EIO)),
                line(
                        "The rule \"on READ: lose\" can never act on [READ]. Allowed for this action: [WRITE, DISCARD,"
                                + " WRITE_ZEROES], or onAny().",
                        f -> f.on(Operation.READ).lose()),
                line("can never act on [FLUSH]", f -> f.on(Operation.FLUSH, Operation.WRITE)
                        .garbage()),
                line("can never act on [WRITE]", f -> f.on(Operation.WRITE).stale()),
                line("can never act on [WRITE]", f -> f.on(Operation.WRITE).mediumError()),
                line("can never act on [READ]", f -> f.on(Operation.READ, Operation.FLUSH)
                        .ignoreFlushes()),
                line("blocks is 0. Allowed for a tear of kind PREFIX: at least 1", f -> f.onAny()
                        .tear(Tear.prefix(0))),
                line("blocks is -1. Allowed for a tear of kind SUFFIX", f -> f.onAny()
                        .tear(Tear.suffix(-1))),
                line("blocks is 1. Allowed for a tear of kind RANDOM: 0", f -> f.onAny()
                        .tear(new Tear(Tear.Kind.RANDOM, 1))),
                line("delta is 0", f -> f.onAny().misdirect(0)),
                line("perSector is 0. Allowed: 1 to 4096", f -> f.onAny().flipBits(0)),
                line("perSector is 4097", f -> f.onAny().flipBits(4097)),
                line("newBlocks is -1", f -> f.onAny().full(-1)),
                line("perSecond is 0", f -> f.onAny().limitIops(0)),
                line("perSecond is 1000000001", f -> f.onAny().limitIops(1_000_000_001)),
                line("bytesPerSecond is 0", f -> f.onAny().limitBandwidth(0)),
                line("delay is PT-1S. Allowed: 0 to 24 h", f -> f.onAny().delay(Delay.fixed(Duration.ofSeconds(-1)))),
                line("delay is PT25H", f -> f.onAny().delay(Delay.fixed(Duration.ofHours(25)))));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("refused")
    void whatMakesNoSenseIsRefusedWithWhatIsAllowed(String message, Arming arming) {
        assertThatThrownBy(() -> arming.arm(kept))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message);
        assertThat(kept.rules).isEmpty();
    }

    @Test
    void whereARuleWasArmedIsKnown() {
        kept.on(Operation.WRITE).named("here").fail(Errno.EIO);
        assertThat(kept.armedAt("here")).contains("FaultRuleTest.whereARuleWasArmedIsKnown(FaultRuleTest.java:");
        assertThat(kept.armedAt("nowhere")).isEmpty();
        for (int i = 0; i < 1001; i++) {
            kept.on(Operation.WRITE).named("rule " + i).fail(Errno.EIO);
        }
        assertThat(kept.armedAt("here")).as("of the newest thousand").isEmpty();
    }

    // ---- rules that are never given an action ----

    @Test
    void aRuleWithoutAnActionIsNamedWithWhereItWasBegun() {
        FaultBuilder unused = kept.on(Operation.WRITE).named("half").times(1).matching(request -> true);
        assertThat(unused).hasToString("\"half\": on WRITE, at most 1 time, matching a predicate");
        assertThat(kept.unarmed())
                .singleElement()
                .asString()
                .startsWith("\"half\": on WRITE, at most 1 time, matching a predicate, begun at ")
                .contains("FaultRuleTest.aRuleWithoutAnActionIsNamedWithWhereItWasBegun(FaultRuleTest.java:");
    }

    @Test
    void aBuilderThatIsKeptIsUsedOnceAnyRuleOfItIs() {
        FaultBuilder writes = kept.on(Operation.WRITE);
        assertThat(kept.unarmed()).hasSize(1);
        writes.sectors(0, 7).fail(Errno.EIO);
        writes.sectors(8, 15).lose();
        assertThat(kept.unarmed()).isEmpty();
    }

    @Test
    void aRuleThatIsMadeAndNotArmedIsUsedToo() {
        FaultRule rule = kept.onAny().rule(new Action.Fail(Errno.EIO));
        assertThat(rule.match()).isEqualTo(Match.any());
        assertThat(kept.unarmed()).isEmpty();
    }

    /** Otherwise a test of these errors would fail because of rules that were never made. */
    @Test
    void aRuleThatWasRefusedIsNotMissed() {
        assertThatThrownBy(() -> kept.on(Operation.FLUSH).sectors(0, 7)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> kept.on(Operation.FLUSH).lose()).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> kept.on()).isInstanceOf(IllegalArgumentException.class);
        assertThat(kept.unarmed()).isEmpty();
    }

    @Test
    void ofManyRulesWithoutAnActionAHundredAreNamed() {
        List<FaultBuilder> builders = new ArrayList<>();
        for (int i = 0; i < 150; i++) {
            builders.add(kept.onAny());
        }
        assertThat(kept.unarmed()).hasSize(100);
        builders.forEach(FaultBuilder::readOnly);
        assertThat(kept.unarmed()).isEmpty();
    }
}
