// The rules' own options, for the form. tests/browser checks them against the options the box knows.
// [option, words, unit, what the box takes where nothing is said]; a default of null means that it must be given.

export const KINDS = {
  line_crossing: { words: "Crosses a line", shapes: ["line"], options: [["direction", "Direction", ["any", "left", "right"], "any"]] },
  zone_entry: { words: "Enters a zone", shapes: ["zone"], options: [["dwell_seconds", "Inside for", "s", 0.5], ["leave_seconds", "Outside for, to have left", "s", 1]] },
  loitering: { words: "Stays in a zone", shapes: ["zone"], options: [["seconds", "Stays for", "s", null], ["grace_seconds", "Away for, to have left", "s", 3]] },
  occupancy: { words: "Too many in a zone", shapes: ["zone"], options: [["limit", "More than", "objects", null], ["seconds", "For", "s", 5], ["grace_seconds", "Over after", "s", 3]] },
  object_abandoned: { words: "Something is left behind", shapes: ["zone"], options: [["seconds", "Alone for", "s", 60], ["owner_metres", "Owner further than", "m", 3]] },
  stopped_vehicle: { words: "A vehicle stands", shapes: ["zone"], options: [["seconds", "Stands for", "s", 60]] },
  wrong_way: { words: "Against a line's direction", shapes: ["zone", "line"], options: [["lengths", "Against it for", "lengths of its box", 1]] },
  speed: { words: "Too fast (calibrated)", shapes: ["zone"], options: [["limit_kmh", "Faster than", "km/h", null], ["seconds", "Measured over", "s", 0.5]] },
  crowding: { words: "Too dense (calibrated)", shapes: ["zone"], options: [["people", "At least", "people", null], ["metres", "Within", "m", 2], ["seconds", "For", "s", 10], ["grace_seconds", "Over after", "s", 3]] },
};

/** Options the form shows for every kind. */
export const COMMON = ["name", "kind", "classes", "priority", "purpose"];

export const PRIORITIES = ["info", "review", "alert"];
