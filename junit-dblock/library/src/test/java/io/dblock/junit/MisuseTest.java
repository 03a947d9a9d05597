// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.handler.RequestHandler;
import java.io.File;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ParameterResolutionException;

/** Tests that the error of every misuse names the declaration, the value, and what is allowed. */
class MisuseTest {
    private final FakeLab lab = FakeLab.fresh();

    static class WrongFieldType {
        @DblockDevice
        File disk;

        @Test
        void test() {}
    }

    @Test
    void aFieldOfAnotherTypeIsRefused() {
        assertThat(Run.of(WrongFieldType.class).expectOneFailure())
                .isInstanceOf(ExtensionConfigurationException.class)
                .hasMessageContaining("field disk of MisuseTest.WrongFieldType")
                .hasMessageContaining("java.io.File")
                .hasMessageContaining("Allowed: io.dblock.BlockDevice")
                .hasMessageContaining("java.nio.file.Path")
                .hasMessageContaining("java.nio.channels.FileChannel");
        assertThat(lab.log).isEmpty();
    }

    static class WrongParameterType {
        @Test
        void test(@DblockDevice String disk) {}
    }

    @Test
    void aParameterOfAnotherTypeIsRefused() {
        assertThat(Run.of(WrongParameterType.class).expectOneFailure())
                .isInstanceOf(ParameterResolutionException.class)
                .hasMessageContaining("parameter arg0 of MisuseTest.WrongParameterType.test(String) is of type")
                .hasMessageContaining("java.lang.String")
                .hasMessageContaining("Allowed: io.dblock.BlockDevice");
    }

    static class FinalField {
        @DblockDevice
        final BlockDevice disk = null;

        @Test
        void test() {}
    }

    @Test
    void aFinalFieldIsRefused() {
        assertThat(Run.of(FinalField.class).expectOneFailure())
                .isInstanceOf(ExtensionConfigurationException.class)
                .hasMessageContaining("field disk of MisuseTest.FinalField is final");
    }

    static class FinalStaticField {
        @DblockDevice
        static final BlockDevice DISK = null;

        @Test
        void test() {}
    }

    @Test
    void aFinalStaticFieldFailsItsClass() {
        assertThat(Run.of(FinalStaticField.class).expectOneFailure())
                .hasMessageContaining("field DISK of MisuseTest.FinalStaticField is final");
    }

    static class BadSize {
        @Test
        void test(@DblockDevice(size = "64MB") BlockDevice disk) {}
    }

    @Test
    void aSizeThatIsNoneIsNamed() {
        assertThat(Run.of(BadSize.class).expectOneFailure())
                .isInstanceOf(ParameterResolutionException.class)
                .hasMessageContaining("BadSize.test")
                .hasMessageContaining("\"64MB\"")
                .hasMessageContaining("MiB");
    }

    static class BadTimeout {
        @DblockDevice(requestTimeout = "soon")
        BlockDevice disk;

        @Test
        void test() {}
    }

    @Test
    void aDurationThatIsNoneIsNamed() {
        assertThat(Run.of(BadTimeout.class).expectOneFailure())
                .hasMessageContaining("field disk of MisuseTest.BadTimeout")
                .hasMessageContaining("requestTimeout")
                .hasMessageContaining("\"soon\"")
                .hasMessageContaining("\"500ms\"");
    }

    static class NoHandler {
        @DblockDevice(handler = String.class)
        BlockDevice disk;

        @Test
        void test() {}
    }

    @Test
    void aHandlerThatIsNoneIsNamed() {
        assertThat(Run.of(NoHandler.class).expectOneFailure())
                .hasMessageContaining("field disk of MisuseTest.NoHandler")
                .hasMessageContaining("java.lang.String is no handler")
                .hasMessageContaining("io.dblock.handler.BlockHandler");
    }

    static class HandlerWithoutConstructor {
        @DblockDevice(handler = Needy.class)
        BlockDevice disk;

        @Test
        void test() {}

        record Needy(String what) implements RequestHandler {
            @Override
            public void handle(io.dblock.handler.BlockRequest request) {}
        }
    }

    @Test
    void aHandlerWithoutAConstructorToCallIsNamed() {
        assertThat(Run.of(HandlerWithoutConstructor.class).expectOneFailure())
                .hasMessageContaining("field disk of MisuseTest.HandlerWithoutConstructor")
                .hasMessageContaining("Needy")
                .hasMessageContaining("constructor without arguments");
    }

    static class Plain {
        @DblockDevice
        BlockDevice disk;

        @Test
        void test() {}
    }

    @Test
    void storesThatDoNotCloseAreRefused() {
        assertThat(Run.of(Plain.class)
                        .with("junit.jupiter.extensions.store.close.autocloseable.enabled", "false")
                        .expectOneFailure())
                .isInstanceOf(ExtensionConfigurationException.class)
                .hasMessageContaining("junit.jupiter.extensions.store.close.autocloseable.enabled is false");
        assertThat(lab.log).isEmpty();
    }

    @TestInstance(TestInstance.Lifecycle.PER_CLASS)
    static class NullInBeforeAll {
        @DblockDevice
        BlockDevice disk;

        @BeforeAll
        void before() {
            disk.mount();
        }

        @Test
        void test() {}
    }

    @Test
    void anInstanceFieldThatIsNullInBeforeAllIsExplained() {
        assertThat(Run.of(NullInBeforeAll.class).expectOneFailure())
                .isInstanceOf(NullPointerException.class)
                .satisfies(e -> assertThat(e.getSuppressed()).anySatisfy(hint -> assertThat(hint)
                        .hasMessageContaining(
                                "@DblockDevice field disk of MisuseTest.NullInBeforeAll is null in @BeforeAll")));
    }
}
