#include "platform/event_log.hpp"

namespace smmusim::platform {

void EventLog::SmmuListener::recorded(Time at, const smmu::spec::Event& event) {
    using smmu::spec::Event;
    const u8 number = static_cast<u8>(event[Event::Number]);
    results::Event entry;
    entry.at = at;
    entry.source = source_;
    entry.name = smmu::spec::event_name(number);
    for (const sim::NamedField& field : Event::fields)
        if (smmu::spec::event_has(number, field)) entry.fields.emplace_back(field.name, event.value(field));
    entry.record.assign(event.words.begin(), event.words.end());
    log_.events_.push_back(std::move(entry));
    if (log_.on_event) log_.on_event(log_.events_.back());
}

}  // namespace smmusim::platform
