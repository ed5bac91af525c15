// Runs the tests that link SystemC; its warnings and errors fail the test that causes them.
#include <gtest/gtest.h>

#include <systemc>

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    sc_core::sc_report_handler::set_actions(sc_core::SC_WARNING, sc_core::SC_DISPLAY | sc_core::SC_THROW);
    return RUN_ALL_TESTS();
}
