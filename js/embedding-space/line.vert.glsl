#version 300 es
// An end of a line, on its way between two places.
in vec2 placeBefore;
in vec2 placeNow;

uniform vec2 center;
uniform vec2 stretch;
uniform float progress;

void main() {
  gl_Position = vec4((mix(placeBefore, placeNow, progress) - center) * stretch, 0.0, 1.0);
}
