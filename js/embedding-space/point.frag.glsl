#version 300 es
// A mark with a rim in the paper's colour, cut out of its mask.
precision highp float;
precision highp sampler2DArray;

in vec3 color;
in float opacity;
flat in float mark;

uniform sampler2DArray masks; // red: the mark; green: the mark within its rim
uniform bool plain; // too small for a shape
uniform bool rimmed;
uniform vec3 paper;

out vec4 result;

void main() {
  vec2 mask = plain ? vec2(1.0) : texture(masks, vec3(gl_PointCoord, mark)).rg;
  if (mask.r < 0.02) discard;
  result = vec4(mix(paper, color, rimmed ? mask.g : 1.0), 1.0) * opacity * mask.r;
}
