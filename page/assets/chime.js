export function chime() {
  const audio = new AudioContext();
  const tones = [
    { pitch: 660, after: 0 },
    { pitch: 880, after: 0.18 },
  ];
  for (const { pitch, after } of tones) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    const start = audio.currentTime + after;
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.0001, start);
    volume.gain.exponentialRampToValueAtTime(0.15, start + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.6);
    tone.connect(volume);
    volume.connect(audio.destination);
    tone.start(start);
    tone.stop(start + 0.6);
  }
  setTimeout(() => audio.close(), 1500);
}
